package profiles

import (
	"maps"
	"slices"
	"strings"
)

// Translation is what the settings of a profile that only another program reads mean in AWS's own
// keys.
type Translation struct {
	Program  string    // "granted", "aws-vault", "aws-sso-cli" or "awsume"
	Replaced []string  // the keys of the settings that are replaced
	Settings []Setting // that are added
	// StartURL and Region are those of the SSO session of the profile, if Settings have none.
	StartURL, Region string
}

// Translation returns the translation of a profile that only granted, aws-vault, aws-sso-cli or
// awsume reads as it is meant. ok is false for any other profile, and for one that is wired. An
// error has a hint that says what the translation lacks.
func (f *Files) Translation(name string) (t Translation, ok bool, err error) {
	p, err := f.Profile(name)
	if err != nil {
		return Translation{}, false, err
	}
	if _, wired := wiredTo(p); wired {
		return Translation{}, false, nil
	}
	if p.Get("manager") == "awsume" || p.Get("autoawsume") != "" {
		return Translation{}, false, f.awsumeCopy(p)
	}
	for _, translate := range []func(Section) (Translation, bool, error){
		f.ofGranted, f.ofAWSSSO, f.ofVaultProcess, f.ofInclude, f.ofSourceMFA,
	} {
		if t, ok, err = translate(p); ok || err != nil {
			break
		}
	}
	if err != nil {
		return Translation{}, false, err
	}
	if t.Program == "aws-vault" && ok {
		more, _, _ := f.ofSourceMFA(t.applied(p)) // never fails
		t.Settings = append(t.Settings, more.Settings...)
	}
	return t, ok, f.checkVaultKey(p, t)
}

// applied returns the profile with the translation, except for its SSO session.
func (t Translation) applied(p Section) Section {
	p.Properties = maps.Clone(p.Properties)
	for _, key := range t.Replaced {
		delete(p.Properties, key)
	}
	for _, s := range t.Settings {
		p.Properties[s.Key] = Property{Value: s.Value}
	}
	return p
}

// plainSection returns a profile, or the profile that it is wired to.
func (f *Files) plainSection(name string) (Section, bool) {
	p, err := f.Profile(name)
	if err != nil {
		return Section{}, false
	}
	if target, ok := Wired(p); ok && target != name {
		if t, err := f.Profile(target); err == nil {
			return t, true
		}
	}
	return p, true
}

// mentions reports whether the files have the name of one of these programs or settings, so that
// a profile may be meant for that program.
func (f *Files) mentions(programs ...string) bool {
	return slices.ContainsFunc(programs, func(program string) bool {
		return strings.Contains(f.config.text, program) ||
			strings.Contains(f.credentials.text, program)
	})
}

// ownProcess reports whether a profile has, next to other credentials, a command that names the
// profile itself: the program reads those settings, and the SDKs need no command for them.
func ownProcess(p Section, named string) bool {
	return named == p.Name && p.hasAny("role_arn", "sso_account_id", "sso_role_name",
		"web_identity_token_file")
}

var processOnly = []string{"credential_process"}
