package cli

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"aws-credproc/internal/awsregion"
	"aws-credproc/internal/diag"
	"aws-credproc/internal/files"
	"aws-credproc/internal/proc"
	"aws-credproc/profiles"
)

// edit makes the changes that the flags ask for and returns a report.
func (s *setup) edit(e *profiles.Editor) (report string, err error) {
	if s.sso.isUsed() {
		return s.sso.edit(e, s.helper)
	}
	switch {
	case s.undo && s.all:
		return s.undoAll(e)
	case s.undo:
		return s.unwire(e)
	case s.all:
		return s.editAll(e)
	}
	var b strings.Builder
	for _, name := range s.names {
		if len(s.settings) > 0 {
			if err := s.create(e, name); err != nil {
				return "", err
			}
		}
		if err := checkRegion(e.Files(), name); err != nil {
			return "", err
		}
		program, err := profiles.Translate(e, name)
		if err != nil {
			return "", err
		}
		role, changed, err := profiles.Wire(e, name, s.helper)
		if err != nil {
			return "", err
		}
		b.WriteString(wiredLine(name, program, role, changed))
	}
	return b.String(), nil
}

// wiredLine returns the line of the report for a profile that is wired. program is the one that its
// settings were for, or "".
func wiredLine(name, program, target string, changed bool) string {
	how := ""
	switch {
	case program != "":
		how = "translated from " + program + ", "
	case !changed:
		how = "already "
	}
	return name + ": " + how + "wired to " + target + "\n"
}

// checkRegion refuses a profile whose region no tool finds an endpoint for. A configured endpoint
// may have regions of its own.
func checkRegion(f *profiles.Files, name string) error {
	p, err := f.Profile(name)
	if err != nil {
		return err
	}
	region := p.Properties["region"]
	if region.Value == "" || awsregion.IsPossible(region.Value) || p.Get("endpoint_url") != "" ||
		p.Get("services") != "" {
		return nil
	}
	return &diag.Error{
		Profile: name,
		Where:   f.Place(region),
		Problem: fmt.Sprintf("%q is not a valid AWS Region name", region.Value),
		Hint:    awsregion.Hint(region.Value, "region in [profile "+name+"]"),
	}
}

// unwire unwires each profile, and then removes those that setup has created. With --all, the
// report names the profiles that cannot be unwired, and why.
func (s *setup) unwire(e *profiles.Editor) (report string, err error) {
	lines := map[string]string{}
	// With --all, a profile that is wired to a wired one is unwired after that one.
	for again := true; again; {
		again = false
		for _, name := range s.names {
			role, changed, err := profiles.TryUnwire(e, name)
			switch {
			case err != nil && s.all:
				lines[name] = "not changed: " + printable(problemOf(err, name))
			case err != nil:
				return "", err
			case changed:
				lines[name] = "unwired; it has the settings of " + role + " again"
				again = s.all
			case lines[name] == "":
				lines[name] = "not wired, nothing to undo"
			}
		}
	}
	// A profile that another one uses as its source is removed after that one.
	for again := true; again; {
		again = false
		for _, name := range s.names {
			removed, err := e.RemoveCreated(name)
			if err != nil {
				return "", err
			}
			if removed {
				lines[name] = "removed; setup had created it"
				again = true
			}
		}
	}
	var b strings.Builder
	for i, name := range s.names {
		if !slices.Contains(s.names[:i], name) {
			fmt.Fprintf(&b, "%s: %s\n", name, lines[name])
		}
	}
	return b.String(), nil
}

// create adds the profile that the flags describe. If it exists, it must have the same settings.
func (s *setup) create(e *profiles.Editor, name string) error {
	p, err := e.Files().Profile(name)
	if errors.Is(err, profiles.ErrNoProfile) {
		if err := e.CreateProfile(name, s.settings...); err != nil {
			return err
		}
		_, err := e.Files().Chain(name)
		if e := (*diag.Error)(nil); errors.As(err, &e) {
			e.Where = "" // the line has not been written
		}
		return err
	}
	if err != nil {
		return err
	}
	role := p
	if wiredTo, ok := profiles.Wired(p); ok {
		if role, err = e.Files().Profile(wiredTo); err != nil {
			return err
		}
	}
	for _, want := range s.settings {
		section := role
		if want.Key == "region" {
			section = p
		}
		if section.Get(want.Key) != want.Value {
			return &diag.Error{
				Profile: name,
				Problem: fmt.Sprintf("the profile exists, and its %s is not %s", want.Key, want.Value),
				Hint:    "omit the settings to set it up as it is, or use another name",
			}
		}
	}
	return nil
}

// inBuildCache reports whether a program is one of `go run`: in a temporary directory of the go
// command or in its build cache. Both are named go-build, with a number or without, unless
// GOCACHE names another.
func inBuildCache(path string) bool {
	dir := filepath.Dir(path)
	if cache := os.Getenv("GOCACHE"); cache != "" {
		if rel, err := filepath.Rel(cache, dir); err == nil && filepath.IsLocal(rel) {
			return true
		}
	}
	return slices.ContainsFunc(strings.Split(filepath.ToSlash(dir), "/"), func(name string) bool {
		digits, ok := strings.CutPrefix(name, "go-build")
		return ok && strings.Trim(digits, "0123456789") == ""
	})
}

// findHelper returns the path of this program for the config file. It prefers the path on the PATH,
// where package managers keep a link that an upgrade does not change.
func findHelper(a *app) (string, error) {
	path, err := proc.LookPath("aws-credproc")
	if err == nil || errors.Is(err, exec.ErrDot) {
		path, err = filepath.Abs(path)
	} else if path, err = files.Executable(); err == nil && !inBuildCache(path) {
		a.warn("aws-credproc is not on the PATH; the config file will contain %s, "+
			"and must be changed if the program is moved", path)
	}
	switch {
	case err != nil:
		return "", fmt.Errorf("find the path of this program: %w", err)
	case inBuildCache(path):
		return "", &diag.Error{
			Where:   path,
			Problem: "is temporary, since the program was started with go run",
			Hint:    "go install . installs it; then run the installed aws-credproc",
		}
	}
	unquoted, ok := proc.UnquotedPath(path)
	if !ok {
		a.warn("%s needs quotes, and the AWS SDK for Go cannot start it with quotes; "+
			"move it to a directory whose name has no spaces", path)
	}
	return unquoted, nil
}
