package profiles

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Comments of [Translate], which [Untranslate] finds.
const (
	beforeSetup       = "# before setup: "
	translatedStart   = "# Translated by aws-credproc setup; setup --undo restores it (added "
	translatedSession = "# Created by aws-credproc setup for a translated profile."
)

// Translate makes the [Files.Translation] of a profile: the replaced lines become comments, and the
// settings that mean the same are added above the first of them. If the profile needs an SSO session
// that the config file does not have, Translate adds it. It returns the name of the program that the
// settings were for, or "" if nothing was changed. [Untranslate] restores the file byte for byte.
//
// The guided setup and setup PROFILE call it before [Wire].
func Translate(e *Editor, name string) (program string, err error) {
	t, ok, err := e.now.Translation(name)
	if err != nil || !ok {
		return "", err
	}
	settings := t.Settings
	if t.StartURL != "" {
		session, err := e.sessionFor(t.StartURL, t.Region)
		if err != nil {
			return "", err
		}
		settings = append([]Setting{{"sso_session", session}}, settings...)
	}
	p, err := e.now.Profile(name)
	if err != nil {
		return "", err
	}
	for _, s := range settings { // one without a value would be a duplicate
		if _, ok := p.Properties[s.Key]; ok {
			t.Replaced = append(t.Replaced, s.Key)
		}
	}
	which, err := e.fileOf(name, t.Replaced)
	if err != nil {
		return "", err
	}
	for _, f := range e.now.both() {
		bodies, err := f.bodies(name)
		if err != nil {
			return "", err
		}
		splices := commentSplices(bodies, beforeSetup, t.Replaced)
		if f.which == which {
			added, err := f.addTranslated(name, bodies, t.Replaced, settings)
			if err != nil {
				return "", err
			}
			splices = append([]splice{added}, splices...)
		}
		if len(splices) == 0 {
			continue
		}
		if err := e.splice(f.which, splices...); err != nil {
			return "", err
		}
	}
	return t.Program, nil
}

// fileOf returns the file in which a profile has one of these keys, or any section.
func (e *Editor) fileOf(name string, keys []string) (which string, err error) {
	for _, f := range e.now.both() {
		bodies, err := f.bodies(name)
		if err != nil {
			return "", err
		}
		if len(bodies) > 0 && which == "" {
			which = f.which
		}
		for _, key := range keys {
			if _, ok := lastSetting(bodies, key); ok {
				return f.which, nil
			}
		}
	}
	return which, nil
}

// addTranslated returns the splice that adds settings above the first of some others, or else above
// the first setting.
func (f *file) addTranslated(
	name string, bodies []body, above []string, settings []Setting,
) (splice, error) {
	at, indent := bodies[0].end, ""
	found := false
	for _, b := range bodies {
		for _, s := range b.settings {
			if !found && (len(above) == 0 || slices.Contains(above, s.key)) {
				found, at, indent = true, s.lines[0].start, f.indentOf(s.lines[0])
			}
		}
	}
	var lines []string
	for _, s := range settings {
		if err := checkSetting(name, s.Key, s.Value); err != nil {
			return splice{}, err
		}
		lines = append(lines, s.Key+" = "+s.Value)
	}
	newline := f.lineEnd(at)
	text := translatedComment(lines) + newline
	for _, line := range lines {
		text += indent + line + newline
	}
	return splice{at, at, text}, nil
}

// translatedComment returns the comment above lines that Translate adds. The hash shows whether they
// are unchanged.
func translatedComment(lines []string) string {
	sum := sha256.Sum256([]byte(strings.Join(lines, "\n")))
	return fmt.Sprintf("%s%d, %s)", translatedStart, len(lines), hex.EncodeToString(sum[:4]))
}

// Untranslate undoes [Translate] and reports whether it changed anything. Lines that Translate has
// added and that were edited since are kept. An SSO session that Translate has added is removed with
// the last profile that uses it.
func Untranslate(e *Editor, name string) (changed bool, err error) {
	var session string
	splices := map[string][]splice{}
	for _, f := range e.now.both() {
		bodies, err := f.bodies(name)
		if err != nil {
			return false, err
		}
		for _, b := range bodies {
			added, ok := f.translated(b)
			if ok {
				changed = true
				splices[f.which] = append(splices[f.which], added)
			}
			splices[f.which] = append(splices[f.which], f.uncomment(b)...)
			if s, has := lastSetting([]body{b}, "sso_session"); ok && has {
				session = s.first
			}
		}
	}
	if !changed {
		return false, nil
	}
	for which, splices := range splices {
		slices.SortStableFunc(splices, func(a, b splice) int { return a.start - b.start })
		if err := e.splice(which, splices...); err != nil {
			return false, err
		}
	}
	if session != "" {
		err = e.removeTranslatedSession(session)
	}
	return true, err
}

// translated returns the splice that removes what Translate has added to a section. ok is false if
// it has added nothing.
func (f *file) translated(b body) (added splice, ok bool) {
	for _, c := range b.comments {
		comment := trim(f.text[c.start:c.end])
		rest, found := strings.CutPrefix(comment, translatedStart)
		if !found {
			continue
		}
		number, _, _ := strings.Cut(rest, ",")
		n, err := strconv.Atoi(number)
		if err != nil || n < 0 {
			continue
		}
		end, lines := c.end, []string(nil)
		for line := range strings.Lines(f.text[c.end:b.end]) {
			if len(lines) == n {
				break
			}
			lines = append(lines, trim(line))
			end += len(line)
		}
		if translatedComment(lines) != comment {
			end = c.end // the lines were edited
		}
		return splice{c.start, end, ""}, true
	}
	return splice{}, false
}

// uncomment returns the splices that restore the lines of a section that Translate has made comments
// of.
func (f *file) uncomment(b body) (splices []splice) {
	for _, c := range b.comments {
		if strings.HasPrefix(f.text[c.start:c.end], beforeSetup) {
			splices = append(splices, splice{c.start, c.start + len(beforeSetup), ""})
		}
	}
	return splices
}

// sessionFor returns the name of the SSO session with a start URL, which it adds if there is none.
func (e *Editor) sessionFor(startURL, region string) (name string, err error) {
	same := func(a, b string) bool { return strings.TrimRight(a, "/#") == strings.TrimRight(b, "/#") }
	taken := e.now.SSOSessionNames()
	for _, name := range taken {
		s, ok, err := e.now.SSOSession(name)
		if err == nil && ok && same(s.Get("sso_start_url"), startURL) && s.Get("sso_region") == region {
			return name, nil
		}
	}
	base := sessionName(startURL)
	name = base
	for n := 2; slices.Contains(taken, name); n++ {
		name = base + "-" + strconv.Itoa(n)
	}
	settings := []Setting{{"sso_start_url", startURL}, {"sso_region", region}}
	lines := []string{"[sso-session " + name + "]", translatedSession}
	for _, s := range settings {
		if err := checkSetting("sso-session "+name, s.Key, s.Value); err != nil {
			return "", err
		}
		lines = append(lines, s.Key+" = "+s.Value)
	}
	return name, e.spliceSections(ConfigFile, 1, e.now.config.appendSection(lines))
}

// sessionName returns a name for the SSO session with a start URL: corp of
// https://corp.awsapps.com/start.
func sessionName(startURL string) string {
	_, host, _ := strings.Cut(startURL, "://")
	name := host
	if i := strings.IndexAny(host, "./:"); i >= 0 {
		name = host[:i]
	}
	if name == "" || !IsName(name) || name == "identitycenter" {
		return "sso"
	}
	return name
}

// removeTranslatedSession removes an SSO session that Translate has added, unless a profile uses it.
func (e *Editor) removeTranslatedSession(name string) error {
	f := e.now.config
	for _, file := range e.now.both() {
		for _, s := range file.sections {
			if s.kind != profileSection {
				continue
			}
			b, _ := file.body(s) // of one with a faulty line, what can be read
			if used, ok := lastSetting([]body{b}, "sso_session"); ok && used.first == name {
				return nil
			}
		}
	}
	for _, s := range f.sectionsOf(ssoSessionSection, name) {
		b, err := f.body(s)
		isOurs := slices.ContainsFunc(b.comments, func(c span) bool {
			return trim(f.text[c.start:c.end]) == translatedSession
		})
		switch {
		case !isOurs:
		case err != nil: // a faulty line was added since
			return err
		default:
			return e.spliceSections(ConfigFile, -1, f.removeSection(b))
		}
	}
	return nil
}
