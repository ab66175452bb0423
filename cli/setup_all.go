package cli

import (
	"fmt"
	"strings"

	"aws-credproc/profiles"
)

// editAll wires every profile that can be wired. The report names the others, and why.
func (s *setup) editAll(e *profiles.Editor) (report string, err error) {
	var b strings.Builder
	s.wired = nil
	for _, name := range unwired(e.Files()) {
		err := checkRegion(e.Files(), name)
		if err == nil {
			var target, program string
			if target, program, err = profiles.TryWire(e, name, s.helper); err == nil {
				s.wired = append(s.wired, name)
				b.WriteString(wiredLine(name, program, target, true))
				continue
			}
		}
		fmt.Fprintf(&b, "%s: not changed: %s\n", name, printable(problemOf(err, name)))
	}
	if b.Len() == 0 {
		return "every profile with credentials is set up\n", nil
	}
	return b.String(), nil
}

// undoAll removes all profiles that were added for SSO sessions, and unwires the others.
func (s *setup) undoAll(e *profiles.Editor) (report string, err error) {
	for _, session := range e.Files().SyncedSessions() {
		text, err := undoSSO(e, session)
		if err != nil {
			text = fmt.Sprintf("%s: not changed: %s\n", session, printable(err.Error()))
		}
		report += text
	}
	s.names = wiredProfiles(e.Files())
	text, err := s.unwire(e)
	if report += text; report == "" {
		report = "no profile is set up\n"
	}
	return report, err
}

// problemOf returns the text of an error without the profile's name at its start.
func problemOf(err error, profile string) string {
	return strings.TrimPrefix(err.Error(), profile+": ")
}

// unwired returns the profiles with credentials that are neither wired, nor what another profile is
// wired to.
func unwired(f *profiles.Files) (names []string) {
	targets := map[string]bool{}
	for _, name := range wiredProfiles(f) {
		p, err := f.Profile(name)
		if err != nil {
			continue
		}
		target, _ := profiles.Wired(p)
		targets[target] = true
	}
	for _, name := range f.Names() {
		p, err := f.Profile(name)
		if err != nil {
			names = append(names, name) // the report says why
			continue
		}
		_, wired := profiles.Wired(p)
		if wired || targets[name] {
			continue
		}
		_, isOther, _ := f.Translation(name) // the report has the error
		if isOther || profiles.Kind(p) != profiles.KindNone {
			names = append(names, name)
		}
	}
	return names
}

// wiredProfiles returns the profiles that are wired to another one.
func wiredProfiles(f *profiles.Files) (names []string) {
	for _, name := range f.Names() {
		if p, err := f.Profile(name); err == nil {
			if target, ok := profiles.Wired(p); ok && target != name {
				names = append(names, name)
			}
		}
	}
	return names
}
