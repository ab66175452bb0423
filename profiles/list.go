package profiles

import (
	"cmp"
	"fmt"

	"aws-credproc/internal/diag"
)

// Kinds of profiles besides the source types.
const (
	KindAssumeRole = "assume_role"
	KindNone       = "none" // neither credentials nor a role
)

// Summary is a profile as `list --json` prints it. Its properties are shown by [ShownValue].
type Summary struct {
	Name       string            `json:"name"`
	Kind       string            `json:"kind"`   // a [SourceType], "assume_role" or "none"
	Source     string            `json:"source"` // of a role or session, or the target of a wired profile
	Wired      bool              `json:"wired"`  // whether it is wired to this program
	File       string            `json:"file"`   // "config", "credentials" or "both"
	Properties map[string]string `json:"properties"`
}

// SessionSummary is an [sso-session] section as `list --json` prints it.
type SessionSummary struct {
	Name       string            `json:"name"`
	Properties map[string]string `json:"properties"`
}

// List returns all profiles and SSO sessions as they are read. It does not resolve chains: a
// profile whose source is missing is listed too. If some cannot be read, it returns the others and
// an error.
func (f *Files) List() ([]Summary, []SessionSummary, error) {
	profiles, sessions := []Summary{}, []SessionSummary{}
	var failed error
	for _, name := range f.Names() {
		p, err := f.Profile(name)
		if err != nil {
			failed = cmp.Or(failed, err)
			continue
		}
		s := Summary{Name: name, Kind: Kind(p), File: f.fileOf(name), Properties: shown(p)}
		var wiredTo string
		wiredTo, s.Wired = Wired(p)
		if _, ok := f.imported(p); ok {
			s.Kind = string(Keyring)
		} else if s.Wired {
			s.Source = wiredTo
		} else if s.Kind == KindAssumeRole {
			s.Source = p.Get("source_profile") + p.Get("credential_source")
		} else if w, ok := f.writtenSession(name); ok {
			s.Source = w.Profile
		}
		profiles = append(profiles, s)
	}
	for _, name := range f.SSOSessionNames() {
		s, _, err := f.SSOSession(name)
		if err != nil {
			failed = cmp.Or(failed, err)
			continue
		}
		sessions = append(sessions, SessionSummary{name, shown(s)})
	}
	if faults := f.Faults(); len(faults) > 0 {
		failed = firstOf(faults)
	}
	return profiles, sessions, failed
}

// firstOf returns the first of several faults, with the number of the others.
func firstOf(faults []*diag.Error) error {
	if len(faults) == 1 {
		return faults[0]
	}
	e := *faults[0]
	e.Problem += fmt.Sprintf(" (and %d more)", len(faults)-1)
	e.Hint = "aws-credproc doctor --json shows them all"
	return &e
}

// Kind returns what a profile is by its own settings.
func Kind(p Section) string {
	if p.Get("role_arn") != "" && webIdentityKey(p) == "" {
		return KindAssumeRole
	}
	if t := leafType(p, p.Get("aws_access_key_id") != ""); t != "" {
		return string(t)
	}
	return KindNone
}

// fileOf returns the file that a profile is in: "config", "credentials" or "both".
func (f *Files) fileOf(name string) string {
	inConfig := len(f.config.sectionsOf(profileSection, name)) > 0
	inCredentials := len(f.credentials.sectionsOf(profileSection, name)) > 0
	switch {
	case inConfig && inCredentials:
		return "both"
	case inCredentials:
		return CredentialsFile
	}
	return ConfigFile
}

// shown returns the properties for display, see [ShownValue].
func shown(s Section) map[string]string {
	properties := make(map[string]string, len(s.Properties))
	for key, property := range s.Properties {
		properties[key] = ShownValue(key, property.Value)
	}
	return properties
}
