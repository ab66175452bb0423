// Package warm prints a cached session before the rest of the program is initialized.
//
// Nearly every start of the program is "aws-credproc get PROFILE" with a session in the cache. It
// needs neither the AWS SDK nor the command line's libraries, whose initialization takes longer
// than everything that it does need. Go initializes packages in the order of their import paths, as
// soon as their own imports are initialized (https://go.dev/ref/spec#Program_initialization), so
// this package comes before most of github.com/... as long as it imports little and the name of
// the module sorts first. TestE2EWarmGetInitializesLittle holds the list.
package warm

import (
	"context"
	"io"
	"path/filepath"
	"strings"
	"time"

	"aws-credproc/cache"
	"aws-credproc/cache/keyring"
	"aws-credproc/credproc/plan"
	"aws-credproc/credproc/shell"
)

// Keyring is the keyring of this process. Since Get uses it too, the time limits of a keyring that
// does not respond hold for Get and the normal program together.
var Keyring = new(keyring.Keyring)

// profileOf returns the profile if the arguments, which start with the program's name, are exactly
// "aws-credproc get PROFILE".
func profileOf(args []string) (profile string, ok bool) {
	if len(args) != 3 || args[1] != "get" || args[2] == "" || args[2][0] == '-' {
		return "", false
	}
	name := strings.TrimSuffix(filepath.Base(args[0]), ".exe")
	return args[2], name == "aws-credproc"
}

// settings are the variables with which get does more than print a session.
var settings = []string{
	"AWS_CREDPROC_VERBOSE", "AWS_CREDPROC_PROMPT", "AWS_CREDPROC_TIMEOUT", shell.ChainVariable,
}

// Get writes the cached session of a profile to stdout and reports whether it did. It does not write
// if the session is missing or due for renewal, if anything is to be reported, or if there are
// settings other than the store. The normal program then does all of it again. It also reports the
// error of stdout, which fails again.
func Get(profile string, getenv func(string) string, stdout io.Writer) bool {
	for _, name := range settings {
		if getenv(name) != "" {
			return false
		}
	}
	s, ok := session(profile, getenv)
	if !ok {
		return false
	}
	now := time.Now()
	if !plan.IsUsable(s, now) || plan.IsDue(s, now) {
		return false
	}
	out, err := plan.Output(s, now)
	if err != nil {
		return false
	}
	_, err = stdout.Write(out)
	return err == nil
}

// session returns the cached session of a profile, if it can be read without a warning and belongs
// to the account of the profile's role.
func session(profile string, getenv func(string) string) (s cache.Session, ok bool) {
	quiet := true
	warnf := func(string, ...any) { quiet = false }
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
	if err != nil || !p.IsCached(p.Last()) {
		return s, false
	}
	c, err := cache.Open(cache.Options{
		Dir: dir, Choice: cache.Choice(getenv("AWS_CREDPROC_STORE")), Warnf: warnf, Keyring: Keyring,
	})
	if err != nil {
		return s, false
	}
	if s, err = c.Get(context.Background(), p.Key(p.Last())); err != nil {
		return s, false
	}
	return s, quiet && p.CheckAccount(p.Last(), s) == nil
}
