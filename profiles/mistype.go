package profiles

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	"aws-credproc/internal/diag"
	"aws-credproc/internal/nearest"
)

// settingNames are the keys that decide a profile's credentials, and others that resemble them. They
// are used to find mistyped keys.
var settingNames = [...]string{
	"aws_access_key_id", "aws_account_id", "aws_secret_access_key", "aws_session_token",
	"ca_bundle", "credential_process", "credential_source", "duration_seconds", "endpoint_url",
	"external_id", "login_session", "mfa_process", "mfa_serial", "mfa_session_duration", "output",
	"policy", "policy_arns", "region", "role_arn", "role_session_name", "services", "session_tags",
	"source_identity", "source_profile", "sso_account_id", "sso_region", "sso_registration_scopes",
	"sso_role_name", "sso_session", "sso_start_url", "transitive_session_tags",
	"web_identity_token_file", "web_identity_token_process",
}

// IsSetting reports whether a key is one of the settings that this program knows.
func IsSetting(key string) bool { return slices.Contains(settingNames[:], key) }

// Settings returns the settings for which [IsSetting] is true.
func Settings() []string { return settingNames[:] }

// credentialNames are the keys of which a profile has at least one.
var credentialNames = [...]string{
	"aws_access_key_id", "aws_secret_access_key", "credential_process", "credential_source",
	"login_session", "role_arn", "source_profile", "sso_account_id", "sso_role_name", "sso_session",
	"sso_start_url", "web_identity_token_file", "web_identity_token_process",
}

// Mistyped returns a key of the section that is probably a mistyped one of wanted, or of any setting if
// wanted is empty, and the key that was meant. It returns "" if there is none.
func Mistyped(s Section, wanted ...string) (key, meant string) {
	for _, key := range slices.Sorted(maps.Keys(s.Properties)) {
		if slices.Contains(settingNames[:], key) {
			continue
		}
		near := nearest.Name(key, settingNames[:])
		if near != "" && s.Get(near) == "" && (len(wanted) == 0 || slices.Contains(wanted, near)) {
			return key, near
		}
	}
	return "", ""
}

// failMissing is fail for a profile that lacks one of the wanted keys. If it has a mistyped one, the
// hint and the place are those of that.
func (p settings) failMissing(key, problem, hint string, wanted ...string) *diag.Error {
	e := p.fail(key, problem, hint)
	if typed, meant := Mistyped(p.Section, wanted...); typed != "" {
		e.Where = p.files.Place(p.Properties[typed])
		e.Hint = fmt.Sprintf("did you mean %s instead of %s?", meant, typed)
	}
	return e
}

// IsQuoted reports whether a value is in quotes, which are part of it.
func IsQuoted(value string) bool {
	n := len(value)
	return n > 1 && value[0] == value[n-1] && (value[0] == '"' || value[0] == '\'')
}

// InQuotes returns a value in quotes for a message, and a value that is in quotes as it is.
func InQuotes(value string) string {
	if IsQuoted(value) {
		return value
	}
	return strconv.Quote(value)
}

// hintForValue returns the hint for a value that is not valid: hint, or to remove its quotes.
func hintForValue(value, hint string) string {
	if IsQuoted(value) {
		return removeQuotes
	}
	return hint
}

const removeQuotes = "remove the quotes"
