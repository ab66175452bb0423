package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/spf13/cobra"
	"golang.org/x/term"
	"gopkg.in/ini.v1"

	"aws-credproc/internal/diag"
	"aws-credproc/profiles"
)

// maxKeysText is more than any of the forms of an access key needs.
const maxKeysText = 16 << 10

// readKeys reads a long-term access key from stdin.
func readKeys(profile string) (profiles.Keys, error) {
	fail := func(err error) (profiles.Keys, error) {
		e := &diag.Error{Profile: profile, Where: "stdin", Err: err, Hint: diag.Hint(err)}
		return profiles.Keys{}, e
	}
	if term.IsTerminal(int(os.Stdin.Fd())) {
		return fail(&diag.Error{
			Problem: "is a terminal, and the key must not be typed there",
			Hint: "aws-vault export --no-session --format=json " + profiles.Argument(profile) +
				" | aws-credproc import " + profiles.Argument(profile) + " --stdin",
		})
	}
	text, err := io.ReadAll(io.LimitReader(os.Stdin, maxKeysText+1))
	if err != nil {
		return fail(fmt.Errorf("read the access key: %w", err))
	}
	id, secret, err := parseKeys(text)
	if err != nil {
		return fail(err)
	}
	keys, err := profiles.NewKeys(id, secret)
	if err != nil {
		return fail(err)
	}
	return keys, nil
}

// parseKeys returns the access key in the output of a credential_process or in lines as in the
// credentials file. Temporary credentials are an error. Its errors quote no value.
// https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html
func parseKeys(text []byte) (id, secret string, err error) {
	if len(text) > maxKeysText {
		return "", "", &diag.Error{
			Problem: fmt.Sprintf("more than %d KB, which is not an access key", maxKeysText>>10),
		}
	}
	text = bytes.TrimSpace(bytes.TrimPrefix(text, []byte("\ufeff")))
	if len(text) == 0 {
		return "", "", &diag.Error{Problem: "no access key"}
	}
	if text[0] == '{' {
		return parseJSONKeys(text)
	}
	return parseKeyLines(string(text))
}

// errTemporary means that the credentials expire.
var errTemporary = &diag.Error{
	Problem: "temporary credentials (with a session token or an expiration) cannot be imported",
	Hint:    "import the long-term keys of an IAM user; aws-vault needs --no-session",
}

// errNotKeys means that a text is neither of the forms of an access key.
func errNotKeys(problem string) error {
	return &diag.Error{
		Problem: problem,
		Hint: "pass the JSON of a credential_process, or the lines aws_access_key_id = ... and " +
			"aws_secret_access_key = ...",
	}
}

// parseJSONKeys parses the JSON that a credential_process prints. The names of its fields are
// compared exactly, and none may appear twice.
func parseJSONKeys(text []byte) (id, secret string, err error) {
	invalid := errNotKeys("invalid JSON of a credential_process")
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if _, err := d.Token(); err != nil { // the brace
		return "", "", invalid
	}
	fields := map[string]any{}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return "", "", invalid
		}
		value, err := d.Token()
		if _, nested := value.(json.Delim); err != nil || nested {
			return "", "", invalid
		}
		if _, again := fields[name.(string)]; again {
			return "", "", errNotKeys("invalid JSON of a credential_process: a field appears twice")
		}
		fields[name.(string)] = value
	}
	if _, err := d.Token(); err != nil { // the closing brace
		return "", "", invalid
	}
	if _, err := d.Token(); err != io.EOF {
		return "", "", errNotKeys("text after the JSON of a credential_process")
	}
	return keysOfFields(fields)
}

// keysOfFields returns the access key in the fields of a credential_process's JSON.
func keysOfFields(fields map[string]any) (id, secret string, err error) {
	if fields["Version"] != json.Number("1") {
		return "", "", errNotKeys("the JSON of a credential_process needs \"Version\": 1")
	}
	for name, value := range fields {
		text, isText := value.(string)
		switch name {
		case "Version":
		case "AccessKeyId":
			id = text
		case "SecretAccessKey":
			secret = text
		case "SessionToken", "Expiration":
			if value != nil && value != "" {
				return "", "", errTemporary
			}
			continue
		case "AccountId":
		default:
			return "", "", errNotKeys("a field that the JSON of a credential_process does not have")
		}
		if name != "Version" && !isText {
			return "", "", errNotKeys("invalid JSON of a credential_process: " + name +
				" is not a string")
		}
	}
	return id, secret, nil
}

// parseKeyLines parses one section of a credentials file, with or without its header.
func parseKeyLines(text string) (id, secret string, err error) {
	file, err := ini.LoadSources(ini.LoadOptions{
		AllowShadows:               true, // which shows that a key is set twice
		AllowDuplicateShadowValues: true,
		IgnoreContinuation:         true,
		IgnoreInlineComment:        true,
		InsensitiveKeys:            true,
		KeyValueDelimiters:         "=",
		PreserveSurroundedQuote:    true,
	}, []byte(text))
	if err != nil { // which quotes the text
		return "", "", errNotKeys(`expected lines with "key = value"`)
	}
	sections := slices.DeleteFunc(file.Sections(), func(s *ini.Section) bool {
		return s.Name() == ini.DefaultSection && len(s.Keys()) == 0
	})
	if len(sections) != 1 {
		return "", "", errNotKeys("expected one access key")
	}
	for _, key := range sections[0].Keys() {
		value := key.Value()
		switch name := key.Name(); {
		case len(key.ValueWithShadows()) > 1:
			return "", "", errNotKeys("a second value of one key")
		case name == "aws_access_key_id":
			id = value
		case name == "aws_secret_access_key":
			secret = value
		case isTemporaryKey(name):
			if value != "" {
				return "", "", errTemporary
			}
		case name != "region" && name != "output": // aws-vault prints the region
			return "", "", errNotKeys("a setting that no access key has")
		}
	}
	return id, secret, nil
}

// isTemporaryKey reports whether a setting is one of temporary credentials. aws-vault writes the
// last.
func isTemporaryKey(key string) bool {
	switch key {
	case "aws_session_token", "aws_security_token", "aws_session_expiration",
		"aws_credential_expiration":
		return true
	}
	return false
}

// planGiven returns the transfer for the key from stdin.
func (i *importRun) planGiven(
	e *profiles.Editor, stored profiles.Keys, isStored bool,
) (transfer, error) {
	t := transfer{keys: i.given}
	if err := profiles.GiveKeys(e, i.profile, i.helper, &t.keys); err != nil {
		return transfer{}, err
	}
	t.changes = e.Changes()
	verb := "stored"
	if i.dryRun {
		verb = "would store"
	}
	t.report = verb + " access key " + t.keys.AccessKeyID + " in the keyring"
	if !isStored {
		return t, nil
	}
	t.keys.Added = t.keys.Added || stored.Added
	switch {
	case stored.AccessKeyID != t.keys.AccessKeyID:
		t.report += ", replacing " + stored.AccessKeyID
		t.replaces = true
	case stored.SecretAccessKey != t.keys.SecretAccessKey:
		t.report += ", replacing its secret access key"
		t.replaces = true
	default:
		t.keys.Cuts = stored.Cuts
		t.report = "access key " + t.keys.AccessKeyID + " is already in the keyring"
	}
	return t, nil
}

// confirm asks whether to make a transfer.
func (i *importRun) confirm(cmd *cobra.Command, t transfer) error {
	tty, err := i.terminal()
	if err == nil {
		tty.Close()
	}
	if err == nil && t.replaces {
		i.say("The keyring has another key of the profile: access key %s replaces it.",
			t.keys.AccessKeyID)
	}
	return confirm(i.app, cmd, []string{i.profile}, t.changes)
}
