package profiles

import (
	"errors"
	"slices"
	"strings"

	"aws-credproc/internal/diag"
	"aws-credproc/internal/files"
	"aws-credproc/internal/ospath"
)

// Wired reports whether a profile is wired to this program, that is, whether its credentials come
// from the command `aws-credproc get NAME`, and returns that name. A wired profile is treated as
// the profile NAME in every command and chain.
func Wired(p Section) (name string, ok bool) {
	if p.Get("role_arn") != "" || leafType(p, p.Get("aws_access_key_id") != "") != Process {
		return "", false
	}
	return wiredTo(p)
}

// imported reports whether a profile is wired to itself and its long-term keys are in the keyring,
// and returns their access key ID.
func (f *Files) imported(p Section) (accessKeyID string, ok bool) {
	if name, wired := Wired(p); !wired || name != p.Name || f.Imported == nil {
		return "", false
	}
	return f.Imported(p.Name)
}

// FlagsWithValue are the flags of this program that take the next word as their value.
var FlagsWithValue = []string{"--store", "--prompt", "--timeout"}

// wiredTo returns the NAME of a profile's credential_process if that is `aws-credproc get NAME`. It
// does not check whether the SDKs use the process.
func wiredTo(p Section) (name string, ok bool) {
	words := splitCommand(p.Get("credential_process"))
	if len(words) < 3 {
		return "", false
	}
	var arguments []string
	flagsEnded := false
	for i := 1; i < len(words); i++ {
		switch {
		case flagsEnded:
			arguments = append(arguments, words[i])
		case words[i] == "--":
			flagsEnded = true
		case slices.Contains(FlagsWithValue, words[i]):
			i++ // skip its value
		case !strings.HasPrefix(words[i], "-"):
			arguments = append(arguments, words[i])
		}
	}
	if len(arguments) != 2 || arguments[0] != "get" || !isThisHelper(words[0]) {
		return "", false
	}
	return arguments[1], true
}

// isThisHelper reports whether a command's first word starts this program: it has its name or, as a
// path or on the PATH, leads to the same file.
func isThisHelper(program string) bool {
	base := ospath.Base(strings.ReplaceAll(program, `\`, "/"))
	if strings.TrimSuffix(strings.ToLower(base), ".exe") == "aws-credproc" {
		return true
	}
	program, err := ospath.LookPath(program)
	if err != nil {
		return false
	}
	self, err := files.Executable()
	if err != nil {
		return false // a renamed copy is then run as any other process
	}
	return SameFile(self, program)
}

// wiredTarget returns the profile that p is wired to.
func (f *Files) wiredTarget(p Section, name string) (Section, error) {
	target, err := f.Profile(name)
	if err == nil {
		return target, nil
	}
	e := &diag.Error{
		Profile: p.Name,
		Where:   f.Place(p.Properties["credential_process"]),
		Problem: "wired to " + err.Error(),
		Hint:    diag.Hint(err),
		Err:     err,
	}
	if errors.Is(err, ErrNoProfile) {
		e.Hint = "remove this line, or add " + profileHeader(ConfigFile, name)
	}
	return Section{}, e
}

// wiredBy returns a profile of the config file that is wired to the profile role.
func (f *Files) wiredBy(role string) (name string, ok bool) {
	text := f.config.text
	for _, s := range f.config.sections {
		if s.kind != profileSection || !strings.Contains(text[s.start:s.end], role) {
			continue
		}
		if p, err := f.Profile(s.name); err == nil {
			if wiredTo, ok := Wired(p); ok && wiredTo == role {
				return s.name, true
			}
		}
	}
	return "", false
}
