package profiles

import (
	"strings"

	"aws-credproc/internal/diag"
)

// grantedKeys are the settings of IAM Identity Center that granted writes under names of its own.
// https://docs.commonfate.io/granted/usage/profile-registry
var grantedKeys = [...]string{
	"sso_start_url", "sso_region", "sso_account_id", "sso_role_name",
}

const grantedPrefix = "granted_"

// GrantedSettings returns the settings of granted in a profile under the names that AWS gives them.
func GrantedSettings(p Section) (settings []Setting) {
	for _, key := range grantedKeys {
		if value := p.Get(grantedPrefix + key); value != "" && p.Get(key) == "" {
			settings = append(settings, Setting{key, value})
		}
	}
	return settings
}

// ofGranted is the [Files.Translation] of a profile of granted.
// https://docs.commonfate.io/granted/recipes/credential-process
func (f *Files) ofGranted(p Section) (t Translation, ok bool, err error) {
	words, ours := ProcessWords(p)
	isProcess := len(words) > 1 && !ours && isGranted(words[0]) && words[1] == "credential-process"
	if len(words) > 0 && !isProcess {
		return Translation{}, false, nil
	}
	named, _ := flagValue(words, "--profile")
	t = Translation{Program: "granted"}
	if isProcess {
		t.Replaced = processOnly
	}
	settings := GrantedSettings(p)
	switch {
	case len(settings) == 0:
		return t, isProcess && ownProcess(p, named), nil
	case isProcess && named != p.Name:
		return Translation{}, false, nil
	}
	for _, key := range grantedKeys {
		value := p.Get(grantedPrefix + key)
		if value == "" && p.Get(key) == "" {
			return Translation{}, false, &diag.Error{
				Profile: p.Name, Where: f.place(p, grantedPrefix+"sso_start_url"),
				Problem: "settings of granted without " + grantedPrefix + key,
				Hint:    "add " + key,
			}
		}
		if value != "" {
			t.Replaced = append(t.Replaced, grantedPrefix+key)
		}
	}
	for _, s := range settings {
		switch s.Key {
		case "sso_start_url":
			t.StartURL = s.Value
		case "sso_region":
			t.Region = s.Value
		default:
			t.Settings = append(t.Settings, s)
		}
	}
	if t.StartURL == "" || t.Region == "" { // the profile has one of them under AWS's name
		t.StartURL, t.Region, t.Settings = "", "", settings
	}
	return t, true, nil
}

// isGranted reports whether a command's first word starts granted; dgranted is a build of its
// developers.
func isGranted(word string) bool {
	name := programName(word)
	return name == "granted" || name == "dgranted"
}

// ofAWSSSO is the [Files.Translation] of a profile that aws-sso-cli has written.
// https://synfinatic.github.io/aws-sso-cli/latest/commands/#process
func (f *Files) ofAWSSSO(p Section) (t Translation, ok bool, err error) {
	words, _ := ProcessWords(p)
	if len(words) < 2 || programName(words[0]) != "aws-sso" || words[1] != "process" {
		return Translation{}, false, nil
	}
	account, role := awsSSORole(words)
	if account == "" || role == "" {
		return Translation{}, false, &diag.Error{
			Profile: p.Name, Where: f.place(p, "credential_process"),
			Problem: "the command of aws-sso names no account and role",
			Hint:    "add --arn, or the settings sso_account_id and sso_role_name",
		}
	}
	session, ok := flagValue(words, "--sso", "-S")
	if !ok {
		session = "Default" // of aws-sso-cli
	}
	for _, name := range f.SSOSessionNames() {
		if strings.EqualFold(name, session) {
			return Translation{
				Program: "aws-sso-cli", Replaced: processOnly,
				Settings: []Setting{
					{"sso_session", name}, {"sso_account_id", account}, {"sso_role_name", role},
				},
			}, true, nil
		}
	}
	if !IsName(session) {
		session = "NAME" // the hint must be one that works
	}
	return Translation{}, false, &diag.Error{
		Profile: p.Name, Where: f.place(p, "credential_process"),
		Problem: "the start URL is in the config of aws-sso-cli only",
		Hint: "add [sso-session " + session + "] with sso_start_url and sso_region to the config file " +
			"(StartUrl and SSORegion in ~/.aws-sso/config.yaml)",
	}
}

// awsSSORole returns the account and the role of a command of aws-sso, or "".
func awsSSORole(words []string) (account, role string) {
	if arn, ok := flagValue(words, "--arn", "-a"); ok {
		parts := strings.SplitN(arn, ":", 6)
		if len(parts) != 6 || CheckRoleARN(arn) != nil {
			return "", ""
		}
		return parts[4], arn[strings.LastIndexByte(arn, '/')+1:]
	}
	account, _ = flagValue(words, "--account", "-A")
	role, _ = flagValue(words, "--role", "-R")
	if account != "" && len(account) < 12 {
		account = strings.Repeat("0", 12-len(account)) + account // it is a number there
	}
	return account, role
}

// flagValue returns the value of a flag in a command.
func flagValue(words []string, names ...string) (value string, ok bool) {
	for i, word := range words {
		for _, name := range names {
			if v, found := strings.CutPrefix(word, name+"="); found {
				return v, true
			}
			if word == name && i+1 < len(words) {
				return words[i+1], true
			}
		}
	}
	return "", false
}

// place returns the file and line of a setting.
func (f *Files) place(p Section, key string) string {
	if property, ok := p.Properties[key]; ok {
		return f.Place(property)
	}
	return ""
}
