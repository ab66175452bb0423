package profiles

import (
	"fmt"
	"log/slog"
)

// Secret is a secret value. It is printed and encoded as ***; string(s) is the value.
type Secret string

const redacted = "***"

func (Secret) String() string               { return redacted }
func (Secret) GoString() string             { return redacted }
func (Secret) Format(f fmt.State, _ rune)   { _, _ = f.Write([]byte(redacted)) }
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }
func (Secret) LogValue() slog.Value         { return slog.StringValue(redacted) }
