// Package warm prints a cached session before the rest of the program is initialized.
//
// Nearly every start of the program is "aws-credproc get PROFILE" with a session in the cache. It
// needs neither the AWS SDK nor the command line's libraries, whose initialization takes longer
// than everything that it does need. Go initializes packages in the order of their import paths, as
// soon as their own imports are initialized (https://go.dev/ref/spec#Program_initialization), so
// this package comes before nearly all of github.com/... as long as it imports little and the name
// of the module sorts first. TestE2EWarmGetInitializesLittle holds the list, and
// docs/decisions/warm-path.md explains it.
//
// The libraries of the keyring include package net and all that sorts before what net needs. So
// this package only reads the stores that are files or in the kernel, and package oskeyring below
// it continues with the keyring.
package warm

import (
	"context"
	"errors"
	"io"
	"strings"
	"time"

	"aws-credproc/cache"
	"aws-credproc/credproc/plan"
	"aws-credproc/internal/ospath"
)

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
// error of stdout. The keyring may be nil.
func Get(
	profile string, getenv func(string) string, keyring cache.OSKeyring, stdout io.Writer,
) bool {
	r, ok := newRequest(profile, getenv)
	return ok && r.print(keyring, stdout)
}

// request is a get of one profile.
type request struct {
	plan   plan.Plan
	dir    string       // the state directory
	choice cache.Choice // of the store
	warned bool         // something is to be reported
	// needsKeyring means that the store of the session, perhaps the keyring, was not available.
	needsKeyring bool
}

// newRequest resolves the profile. ok is false if the normal program must do it.
func newRequest(profile string, getenv func(string) string) (r *request, ok bool) {
	for _, name := range settings {
		if getenv(name) != "" {
			return nil, false
		}
	}
	r = &request{
		dir: plan.StateDir(getenv), choice: cache.Choice(getenv("AWS_CREDPROC_STORE")),
	}
	files, err := plan.Files(getenv, r.dir, r.warnf)
	if err != nil {
		return nil, false
	}
	chain, err := files.Chain(profile)
	if err != nil {
		return nil, false
	}
	r.plan, err = plan.New(chain, getenv)
	return r, err == nil && !r.warned && r.plan.IsCached(r.plan.Last())
}

func (r *request) warnf(string, ...any) { r.warned = true }

// print writes the session to stdout, if it can be returned without a warning, and reports whether
// it did.
func (r *request) print(keyring cache.OSKeyring, stdout io.Writer) bool {
	s, ok := r.session(keyring)
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

// session returns the session if it can be read without a warning and belongs to the account of the
// profile's role.
func (r *request) session(keyring cache.OSKeyring) (s cache.Session, ok bool) {
	c, err := cache.Open(cache.Options{
		Dir: r.dir, Choice: r.choice, Warnf: r.warnf, Keyring: keyring,
	})
	if err != nil {
		return s, false
	}
	s, err = c.Get(context.Background(), r.plan.Key(r.plan.Last()))
	r.needsKeyring = errors.Is(err, cache.ErrUnavailable)
	return s, err == nil && !r.warned && r.plan.CheckAccount(r.plan.Last(), s) == nil
}
