package profiles

import (
	"slices"
	"strings"
	"time"

	"aws-credproc/internal/diag"
)

// WrittenSession is a session that [WriteSession] has written to a section of the credentials file.
type WrittenSession struct {
	Name        string    // of the section
	Profile     string    // whose session it is
	AccessKeyID string    // of the session
	Expires     time.Time // zero if unknown
	Where       string    // file and line of the header
	// Edited is true if the section has changed since. [RemoveSession] does not remove it then.
	Edited bool
}

// SessionValues are what [WriteSession] writes, in addition to the names.
type SessionValues struct {
	AccessKeyID                   string
	SecretAccessKey, SessionToken Secret
	Expires                       time.Time // zero if unknown
	Region                        string    // optional
}

// sessionMark starts the comment below the header of a section that WriteSession has written. The
// access key ID, sessionMarkOf and the name of the profile follow.
const (
	sessionMark   = "# Written by aws-credproc export: session "
	sessionMarkOf = " of profile "
)

// sessionExpires is the key for the expiration of a session. saml2aws and others write it, and
// prompts such as starship read it. The SDKs ignore it.
const sessionExpires = "x_security_token_expires"

// lines returns the lines of the section below its header.
func (v SessionValues) lines(profile string) (lines []string, settings []Setting) {
	settings = []Setting{
		{keyNames[0], v.AccessKeyID},
		{keyNames[1], string(v.SecretAccessKey)},
		{"aws_session_token", string(v.SessionToken)},
	}
	if !v.Expires.IsZero() {
		settings = append(settings, Setting{sessionExpires, v.Expires.UTC().Format(time.RFC3339)})
	}
	if v.Region != "" {
		settings = append(settings, Setting{"region", v.Region})
	}
	lines = []string{sessionMark + v.AccessKeyID + sessionMarkOf + profile}
	for _, s := range settings {
		lines = append(lines, s.Key+" = "+s.Value)
	}
	return lines, settings
}

// WriteSession writes a session of a profile to the section [name] of the credentials file. It
// replaces a section that it has written before. It refuses one that it has not written or that was
// edited since, and a name that [CheckSessionName] refuses.
func WriteSession(e *Editor, name, profile string, v SessionValues) error {
	if err := CheckSessionName(e.now, name, profile); err != nil {
		return err
	}
	lines, settings := v.lines(profile)
	for _, s := range settings {
		if err := checkSetting(name, s.Key, s.Value); err != nil {
			return err
		}
	}
	f := e.now.credentials
	bodies, err := f.bodies(name)
	switch {
	case err != nil:
	case len(bodies) == 0:
		err = e.addProfile(CredentialsFile, name, lines[:1], settings)
	default:
		b := bodies[0]
		text := strings.Join(lines, f.lineEnd(b.last))
		if f.text[b.last-1] == '\n' {
			text += f.lineEnd(b.last)
		}
		err = e.splice(CredentialsFile, splice{b.section.start, b.last, text})
	}
	if err != nil {
		return err
	}
	if w, ok := e.now.writtenSession(name); !ok || w.Edited || w.Profile != profile {
		return &diag.Error{
			Profile: name, Problem: "the session has values that cannot be written to the credentials file",
		}
	}
	return nil
}

// CheckSessionName returns an error if [WriteSession] cannot write a session of a profile to the
// section [name] of the credentials file: its keys would be used in the place of other credentials.
func CheckSessionName(f *Files, name, profile string) error {
	const hint = "choose another name"
	if strings.HasPrefix(name, "-") {
		return &diag.Error{Profile: name, Problem: hyphenProblem, Hint: "use another name"}
	}
	if !IsName(name) { // other tools read other names differently, or not at all
		return &diag.Error{Profile: name, Problem: "invalid profile name", Hint: profileNameHint}
	}
	c, err := f.Chain(profile)
	if err != nil {
		return err
	}
	if name == profile || slices.Contains(c.profiles(), name) {
		return &diag.Error{
			Profile: name,
			Problem: "the session comes from this profile, and would be used in its place",
			Hint:    hint,
		}
	}
	bodies, err := f.config.bodies(name)
	if err != nil {
		return err
	}
	for _, b := range bodies {
		for _, s := range b.settings {
			if isCredentialSetting(s.key) {
				return &diag.Error{
					Profile: name, Where: fileLine(f.config.path, s.number),
					Problem: "has " + s.key + "; keys in the credentials file would change what tools use",
					Hint:    hint,
				}
			}
		}
	}
	if len(f.credentials.sectionsOf(profileSection, name)) == 0 {
		return nil
	}
	w, ok := f.writtenSession(name)
	if ok && !w.Edited {
		return nil
	}
	e := &diag.Error{
		Profile: name,
		Where:   w.Where,
		Problem: "aws-credproc has not written this section of the credentials file",
		Hint:    hint + ", or remove the section",
	}
	if ok {
		e.Problem = "the section was edited since aws-credproc wrote it"
	}
	return e
}

// profiles returns the profiles of a chain, without those that are wired to them.
func (c Chain) profiles() []string {
	names := []string{c.Profile.Name, c.Source.Profile}
	for _, h := range c.Hops {
		names = append(names, h.Profile)
	}
	return names
}

// WrittenSessions returns the sections that [WriteSession] has written, in the file's order.
func WrittenSessions(f *Files) (written []WrittenSession) {
	if !strings.Contains(f.credentials.text, sessionMark) {
		return nil
	}
	f.credentials.makeIndex()
	seen := map[string]bool{}
	for _, s := range f.credentials.sections {
		if s.kind != profileSection || seen[s.name] {
			continue
		}
		seen[s.name] = true
		if w, ok := f.writtenSession(s.name); ok {
			written = append(written, w)
		}
	}
	return written
}

// writtenSession returns what WriteSession has written to a section. Where is set even if ok is
// false.
func (f *Files) writtenSession(name string) (w WrittenSession, ok bool) {
	file := f.credentials
	sections := file.sectionsOf(profileSection, name)
	if len(sections) == 0 {
		return w, false
	}
	w = WrittenSession{Name: name, Where: fileLine(file.path, sections[0].line)}
	b, err := file.body(sections[0])
	for _, c := range b.comments {
		rest, marked := strings.CutPrefix(trim(file.text[c.start:c.end]), sessionMark)
		id, profile, named := strings.Cut(rest, sessionMarkOf)
		if marked && named && isPrintable(id) && isSectionName(profile) {
			w.Profile, w.AccessKeyID, ok = profile, id, true
			break
		}
	}
	if !ok {
		return w, false
	}
	v := b.sessionValues()
	w.Expires = v.Expires
	v.AccessKeyID = w.AccessKeyID // another one in the settings is an edit
	want, _ := v.lines(w.Profile)
	w.Edited = err != nil || len(sections) > 1 || !slices.Equal(file.lines(b), want)
	return w, true
}

// sessionValues returns the values of a section that WriteSession may have written.
func (b body) sessionValues() (v SessionValues) {
	for _, s := range b.settings {
		switch s.key {
		case keyNames[1]:
			v.SecretAccessKey = Secret(s.first)
		case "aws_session_token":
			v.SessionToken = Secret(s.first)
		case sessionExpires:
			v.Expires, _ = time.Parse(time.RFC3339, s.first) // any other text is an edit
		case "region":
			v.Region = s.first
		}
	}
	return v
}

// lines returns the lines of a section below its header, up to the last that certainly belongs to
// it, without their ends.
func (f *file) lines(b body) (lines []string) {
	for line := range strings.Lines(f.text[b.section.start:b.last]) {
		lines = append(lines, strings.TrimRight(line, "\r\n"))
	}
	return lines
}

// RemoveSession removes a section that [WriteSession] has written. It refuses any other one, and
// one that was edited since.
func RemoveSession(e *Editor, name string) error {
	if w, ok := e.now.writtenSession(name); !ok || w.Edited {
		return &diag.Error{
			Profile: name, Where: w.Where,
			Problem: "the section is not as aws-credproc wrote it",
			Hint:    "remove it by hand",
		}
	}
	return e.RemoveProfile(CredentialsFile, name)
}
