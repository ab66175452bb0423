package credproc

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf16"

	"aws-credproc/cache"
)

// ExecVariable is the variable in which a command of exec finds the profile that it runs with, for a prompt to show.
const ExecVariable = "AWS_CREDPROC_EXEC_PROFILE"

// Output gives credentials in the form in which the SDKs read them from a credential_process: one JSON object on one
// line. Static keys have no Expiration.
// https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html
func Output(s cache.Session) ([]byte, error) {
	out := struct {
		Version         int    // the integer 1: "1" and 1.0 are refused
		AccessKeyId     string //nolint:revive // AWS's spelling
		SecretAccessKey string
		SessionToken    string `json:",omitempty"` // an empty one is an error to some SDKs, a missing one is not
		Expiration      string `json:",omitempty"`
		AccountId       string `json:",omitempty"` //nolint:revive // AWS's spelling
	}{1, s.AccessKeyID, s.SecretAccessKey, s.SessionToken, "", s.AccountID}
	if !s.Expiration.IsZero() {
		out.Expiration = s.Expiration.UTC().Format(time.RFC3339)
	}
	b, err := json.Marshal(out)
	if err != nil {
		return nil, fmt.Errorf("write the credentials as JSON: %w", err)
	}
	return append(ASCII(b), '\n'), nil
}

// ASCII writes JSON with nothing but printable ASCII, so that what was in it from outside can do nothing to a
// terminal: encoding/json escapes the older control characters, but not those above U+007E.
func ASCII(jsonText []byte) []byte {
	var b strings.Builder
	for _, r := range string(jsonText) {
		switch {
		case r == '\n' || ' ' <= r && r <= '~':
			b.WriteRune(r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return []byte(b.String())
}
