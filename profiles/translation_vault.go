package profiles

import (
	"slices"
	"strings"

	"aws-credproc/internal/diag"
)

// includable are the settings that aws-vault takes from the profile of include_profile and that are
// not commands, which may contain secrets.
// https://github.com/ByteNess/aws-vault/blob/main/vault/config.go
var includable = [...]string{
	"role_arn", "source_profile", "mfa_serial", "external_id", "duration_seconds",
	"role_session_name", "source_identity", "session_tags", "transitive_session_tags", "region",
	"sso_session", "sso_start_url", "sso_region", "sso_account_id", "sso_role_name",
	"web_identity_token_file",
}

// Inclusion is what aws-vault adds to a profile with include_profile.
type Inclusion struct {
	From     string // the profile of include_profile
	Missing  string // an included profile that does not exist; "" if all do
	Settings []Setting
	source   string // the last of these profiles that has credentials, or From
}

// Has reports whether the inclusion has a setting.
func (in Inclusion) Has(key string) bool {
	return slices.ContainsFunc(in.Settings, func(s Setting) bool { return s.Key == key })
}

// IncludedBy returns what aws-vault adds to a profile with include_profile. find returns a profile.
func IncludedBy(p Section, find func(name string) (Section, bool)) (in Inclusion, ok bool) {
	from := p.Get("include_profile")
	if from == "" {
		return Inclusion{}, false
	}
	in = include(p, from, find)
	has := func(key string) bool { return p.Get(key) != "" || in.Has(key) }
	if has("role_arn") && !has("source_profile") && p.Get("credential_source") == "" &&
		in.Missing == "" {
		in.Settings = append(in.Settings, Setting{"source_profile", in.source})
	}
	return in, true
}

// include returns the settings of a profile, and of those that it includes, that p has not.
func include(p Section, from string, find func(name string) (Section, bool)) Inclusion {
	in := Inclusion{From: from, source: from}
	for name, seen := from, []string{p.Name}; name != "" && !slices.Contains(seen, name); {
		seen = append(seen, name)
		next, exists := find(name)
		if !exists {
			in.Missing = name
			break
		}
		for _, key := range includable {
			if value := next.Get(key); value != "" && p.Get(key) == "" && !in.Has(key) {
				in.Settings = append(in.Settings, Setting{key, value})
			}
		}
		if Kind(next) != KindNone {
			in.source = name
		}
		name = next.Get("include_profile")
	}
	return in
}

// ofInclude is the [Files.Translation] of a profile with include_profile.
func (f *Files) ofInclude(p Section) (t Translation, ok bool, err error) {
	in, ok := IncludedBy(p, f.plainSection)
	if !ok {
		return Translation{}, false, nil
	}
	if in.Missing != "" {
		return Translation{}, false, &diag.Error{
			Profile: p.Name, Where: f.place(p, "include_profile"),
			Problem: "include_profile leads to " + in.Missing + ", which does not exist",
			Hint:    "correct the name, or remove the line",
		}
	}
	return Translation{
		Program: "aws-vault", Replaced: []string{"include_profile"}, Settings: in.Settings,
	}, len(in.Settings) > 0, nil
}

// ofVaultProcess is the [Files.Translation] of a profile whose credential_process is that of
// aws-vault, for the profile itself or for another one with a role.
func (f *Files) ofVaultProcess(p Section) (t Translation, ok bool, err error) {
	named, ok := vaultProfile(p)
	if !ok {
		return Translation{}, false, nil
	}
	t = Translation{Program: "aws-vault", Replaced: processOnly}
	if named == p.Name {
		in, includes, err := f.ofInclude(p)
		if includes {
			in.Replaced = append(in.Replaced, processOnly...)
			return in, true, nil
		}
		return t, ownProcess(p, named), err
	}
	in := include(p, named, f.plainSection)
	if !in.Has("role_arn") && !in.Has("sso_account_id") && !in.Has("web_identity_token_file") {
		return Translation{}, false, nil
	}
	t.Settings = in.Settings
	return t, true, nil
}

// vaultProfile returns the profile that a profile's credential_process asks aws-vault for. ok is
// false for other commands, and for flags that are not known.
// https://github.com/99designs/aws-vault/blob/master/USAGE.md
func vaultProfile(p Section) (name string, ok bool) {
	words, ours := ProcessWords(p)
	if ours || len(words) == 0 || programName(words[0]) != "aws-vault" {
		return "", false
	}
	var arguments []string
	for i := 1; i < len(words); i++ {
		flag, _, hasValue := strings.Cut(words[i], "=")
		switch {
		case !strings.HasPrefix(flag, "-"):
			arguments = append(arguments, words[i])
		case hasValue:
		case slices.Contains([]string{"-n", "--no-session", "-j", "--json", "--debug", "--stdout"}, flag):
		case slices.Contains([]string{"-d", "--duration", "--format", "--backend", "--prompt",
			"--region", "--keychain", "--pass-dir", "--pass-prefix", "--file-dir"}, flag):
			i++
		default:
			return "", false
		}
	}
	if len(arguments) != 2 || arguments[0] != "exec" && arguments[0] != "export" {
		return "", false
	}
	return arguments[1], true
}

// checkVaultKey returns an error if the chain of a profile begins with an access key that only
// aws-vault has. t is the profile's translation.
func (f *Files) checkVaultKey(p Section, t Translation) error {
	if !f.mentions("aws-vault", "include_profile") {
		return nil
	}
	if named, ok := vaultProfile(p); ok && named == p.Name && len(t.Replaced) == 0 &&
		slices.ContainsFunc(CommandWords(p.Get("credential_process")), isNoSession) {
		return vaultKeyError(p.Name, p.Name)
	}
	source := t.applied(p)
	for seen := []string{}; Kind(source) != KindNone || len(seen) == 0 && len(t.Replaced) > 0; {
		name := source.Get("source_profile")
		seen = append(seen, source.Name)
		if source.Get("role_arn") == "" || name == "" || slices.Contains(seen, name) {
			return nil
		}
		var exists bool
		if source, exists = f.plainSection(name); !exists {
			return vaultKeyError(p.Name, name)
		}
	}
	return vaultKeyError(p.Name, source.Name)
}

func isNoSession(word string) bool { return word == "-n" || word == "--no-session" }

// vaultKeyError is the error for a profile whose access key only aws-vault has.
func vaultKeyError(profile, user string) error {
	problem := "the access key of the source profile " + user + " is in no file; aws-vault may have it"
	if user == profile {
		problem = "the access key is in no file; aws-vault may have it"
	}
	return &diag.Error{
		Profile: profile, Problem: problem,
		Hint: "aws-vault export --no-session --format=json " + Argument(user) +
			" | aws-credproc import " + Argument(user) + " --stdin",
	}
}

// ofSourceMFA is the [Files.Translation] of a role with the mfa_serial of its source profile, which
// awsume and aws-vault send for the role. It needs a sign of either program in the files.
// https://awsu.me/general/overview.html
func (f *Files) ofSourceMFA(p Section) (t Translation, ok bool, err error) {
	if p.Get("role_arn") == "" || p.Get("mfa_serial") != "" || p.hasAny("credential_process") ||
		!f.mentions("awsume", "aws-vault", "include_profile") {
		return Translation{}, false, nil
	}
	source, ok := f.plainSection(p.Get("source_profile"))
	if serial := source.Get("mfa_serial"); ok && serial != "" && source.Get("role_arn") == "" {
		t = Translation{Program: "awsume", Settings: []Setting{{"mfa_serial", serial}}}
		if f.mentions("aws-vault", "include_profile") {
			t.Program = "aws-vault"
		}
		return t, true, nil
	}
	return Translation{}, false, nil
}

// awsumeCopy is the error for a section in which awsume has stored a session.
func (f *Files) awsumeCopy(p Section) error {
	e := &diag.Error{
		Profile: p.Name, Where: f.place(p, "manager"),
		Problem: "awsume has stored a session here, which expires",
		Hint:    "set up the profile that it is of",
	}
	if source := p.Get("source_profile"); source != "" && source != p.Name {
		e.Hint = "aws-credproc setup " + Argument(source)
	}
	return e
}
