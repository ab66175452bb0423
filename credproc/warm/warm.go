// Package warm prints a cached session before the rest of the program is initialized.
//
// Nearly every start of the program is "aws-credproc get PROFILE" with a session in the cache. It
// needs neither the AWS SDK nor the command line's libraries, whose initialization takes longer
// than everything that it does need. Go initializes packages in the order of their import paths, as
// soon as their own imports are initialized (https://go.dev/ref/spec#Program_initialization), so
// this package comes before nearly all of github.com/... as long as it imports little and the name
// of the module sorts first. TestE2EWarmGetInitializesLittle holds the list, and
// docs/decisions/warm-path.md explains it.
package warm

import (
	"context"
	"io"
	"strings"
	"time"

	"aws-credproc/cache"
	"aws-credproc/cache/keyring"
	"aws-credproc/credproc/plan"
	"aws-credproc/internal/ospath"
)

// Keyring is the keyring of this process. Since the warm path uses it too, the time limits of a
// keyring that does not respond hold for the warm path and the normal program together.
var Keyring = new(keyring.Keyring)

// profileOf returns the profile if the arguments, which start with the program's name, are exactly
// "aws-credproc get PROFILE".
func profileOf(args []string) (profile string, ok bool) {
	if len(args) != 3 || args[1] != "get" || args[2] == "" || args[2][0] == '-' {
		return "", false
	}
	name := strings.TrimSuffix(ospath.Base(args[0]), ".exe")
	return args[2], name == "aws-credproc"
}

// settings are the variables with which get does more than print a session.
var settings = []string{
	"AWS_CREDPROC_VERBOSE", "AWS_CREDPROC_PROMPT", "AWS_CREDPROC_TIMEOUT", plan.ChainVariable,
}

// Get writes the cached session of a profile to stdout and reports whether it did. It writes
// nothing if the session is missing or due for renewal, if anything is to be reported, or if there
// are settings other than the store. The normal program then does all of it again, and reports an
// error of stdout.
func Get(
	profile string, getenv func(string) string, k cache.OSKeyring, stdout io.Writer,
) bool {
	s, ok := session(profile, getenv, k)
	now := time.Now()
	if !ok || !plan.IsUsable(s, now) || plan.IsDue(s, now) {
		return false
	}
	out, err := plan.Output(s, now)
	if err != nil {
		return false
	}
	_, err = stdout.Write(out)
	return err == nil
}

// session returns the cached session of a profile, if nothing is to be reported and it belongs to
// the account of the profile's role.
func session(
	profile string, getenv func(string) string, k cache.OSKeyring,
) (s cache.Session, ok bool) {
	for _, name := range settings {
		if getenv(name) != "" {
			return s, false
		}
	}
	warned := false
	warnf := func(string, ...any) { warned = true }
	dir := plan.StateDir(getenv)
	files, err := plan.Files(getenv, dir, warnf)
	if err != nil {
		return s, false
	}
	chain, err := files.Chain(profile)
	if err != nil {
		return s, false
	}
	p, err := plan.New(chain, getenv)
	if err != nil || warned || !p.IsCached(p.Last()) {
		return s, false
	}
	choice := cache.Choice(getenv("AWS_CREDPROC_STORE"))
	c, err := cache.Open(cache.Options{Dir: dir, Choice: choice, Warnf: warnf, Keyring: k})
	if err != nil {
		return s, false
	}
	s, err = c.Get(context.Background(), p.Key(p.Last()))
	return s, err == nil && !warned && p.CheckAccount(p.Last(), s) == nil
}
