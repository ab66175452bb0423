package plan

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf16"

	"aws-credproc/cache"
)

// Output returns credentials as the JSON that a credential_process prints: one object on one line.
// Static keys have no Expiration. That of a session is [PrintedExpiration].
// https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html
func Output(s cache.Session, now time.Time) ([]byte, error) {
	out := struct {
		Version         int    // the integer 1: the SDKs refuse "1" and 1.0
		AccessKeyId     string //nolint:revive // AWS's spelling
		SecretAccessKey string
		SessionToken    string `json:",omitempty"` // some SDKs refuse an empty one
		Expiration      string `json:",omitempty"`
		AccountId       string `json:",omitempty"` //nolint:revive // AWS's spelling
	}{1, s.AccessKeyID, s.SecretAccessKey, s.SessionToken, "", s.AccountID}
	if at := PrintedExpiration(s, now); !at.IsZero() {
		out.Expiration = at.UTC().Format(time.RFC3339)
	}
	b, err := json.Marshal(out)
	if err != nil {
		return nil, fmt.Errorf("write the credentials as JSON: %w", err)
	}
	return append(ASCII(b), '\n'), nil
}

// ASCII returns JSON text with everything but printable ASCII and newlines escaped, so that it can
// be printed to a terminal. encoding/json does not escape control characters above U+007E.
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
