package credproc

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"aws-credproc/credproc/shell"
	"aws-credproc/internal/diag"
	"aws-credproc/internal/files"
	"aws-credproc/profiles"
)

// A command in the config may lead back to this program, directly or through a tool that reads the
// same config. So a command receives the profiles that led to it, in the variable
// [plan.ChainVariable], and a profile that is in it already is refused. A profile is identified by
// its name and its files: a command may set other files.

// maxProfiles limits the profiles that lead to a command. A command may change the files at each
// step.
const maxProfiles = 16

// chainOfProfiles returns the profiles of a chain as commands receive them, from the selected one
// to the source: a hash of the files, ":", and the name.
func chainOfProfiles(c profiles.Chain) []string {
	sum := sha256.Sum256([]byte(files.Real(c.ConfigPath) + "\x00" + files.Real(c.CredentialsPath)))
	prefix := hex.EncodeToString(sum[:4]) + ":"
	names := []string{prefix + c.Profile.Name}
	for _, h := range slices.Backward(c.Hops) {
		names = append(names, prefix+h.Profile)
	}
	return slices.Compact(append(names, prefix+c.Source.Profile))
}

// checkRecursion returns an error if the command of a chain's source is already running, and waits
// for this process.
func checkRecursion(c profiles.Chain) error {
	if !c.Source.RunsCommand() && c.MFA.Process == "" {
		return nil
	}
	before, now := shell.Chain(), chainOfProfiles(c)
	if len(before) > maxProfiles {
		return sourceError(c,
			fmt.Errorf("more than %d profiles lead to it, each by the command of another", maxProfiles),
			"use a profile with its own credentials in one of the commands")
	}
	if !slices.Contains(before, now[len(now)-1]) {
		return nil
	}
	loop := loopOf(before, now)
	switch {
	case c.Source.Type == profiles.WebIdentity:
		return loopError(c, "web_identity_token_process", loop)
	case c.Source.RunsCommand():
		return loopError(c, "credential_process", loop)
	}
	e := loopError(c, "mfa_process", loop)
	e.Where = "MFA device " + c.MFA.Serial
	e.Hint = "use another profile in mfa_process, or none"
	return e
}

// loopOf returns the names of the profiles before, and of those now up to the repeated one.
func loopOf(before, now []string) []string {
	loop := before
	for _, name := range now {
		loop = append(loop, name)
		if slices.Contains(before, name) {
			break
		}
	}
	for i, name := range loop {
		_, loop[i], _ = strings.Cut(name, ":")
	}
	return loop
}

func loopError(c profiles.Chain, key string, loop []string) *diag.Error {
	return sourceError(c,
		fmt.Errorf("%s leads back to the profile: %s", key, strings.Join(loop, " -> ")),
		"use another profile in the command of [profile "+c.Source.Profile+"]")
}
