package profiles

import (
	"fmt"
	"strings"

	"aws-credproc/internal/printable"
)

// Secret is a secret value. It is printed and encoded as ***; string(s) is the value.
type Secret string

const redacted = "***"

func (Secret) String() string               { return redacted }
func (Secret) GoString() string             { return redacted }
func (Secret) Format(f fmt.State, _ rune)   { _, _ = f.Write([]byte(redacted)) }
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// ShownValue returns the value of a property for display: *** if it may be a secret by its key, and
// else with secrets in commands and URLs as ***.
func ShownValue(key, value string) string {
	switch {
	case printable.IsSecretName(key), isSwappedKey(key, value):
		return redacted
	case isPlain(key, value):
		return value
	case strings.HasPrefix(value, "//"): // of the line https://..., which has the key https
		return strings.TrimPrefix(printable.Mask("x:"+value), "x:")
	}
	return printable.Mask(value)
}

// isSwappedKey reports whether a value is not an access key ID although its key says so. It may be the
// secret, or have it behind the ID.
func isSwappedKey(key, value string) bool {
	isOther := func(r rune) bool { return (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '_' }
	const longest = 32
	return strings.EqualFold(key, keyNames[0]) &&
		(len(value) > longest || strings.ContainsFunc(value, isOther))
}

// isPlain reports whether a property whose key does not name a secret is a setting of the SDKs or
// of this program other than a command or URL. Such a setting has no secret in its value.
func isPlain(key, value string) bool {
	key = strings.ToLower(key)
	return IsSetting(key) && !strings.HasSuffix(key, "_process") && !strings.Contains(value, "://")
}
