// Package cache keeps sessions at rest until they expire: the stores that hold them, the lock that lets one process
// obtain a session for everybody, and the non-secret facts that are known about a session without opening it.
//
// It promises that a session obtained is whole or absent at every moment, whatever is killed when; that a failure is
// never taken for a miss; that nothing here hangs or starts a daemon, and nothing but Unlock raises a prompt; and that no secret is in an
// error, in a file other than a sealed one, or in anything that is printed.
package cache

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"
)

// maxSession bounds an encoded session. AWS sets no upper limit for a session token; 4096 bytes are typical.
const maxSession = 128 << 10

// sessionVersion is the version of the wire form that this program reads and writes.
const sessionVersion = 1

// Session is a set of temporary credentials. Printing one in any way, JSON included, shows the access key ID and the
// expiration and no secret. Out of its reach are only what go vet refuses (%w and %p, which print fields) and a struct
// that has one in an unexported field: do not print that.
type Session struct {
	AccessKeyID, SecretAccessKey, SessionToken string
	// AccountID is empty where the source does not tell it.
	AccountID string
	// Issued is when the credentials were made, by the clock of who made them; Expiration comes after it.
	Issued, Expiration time.Time
}

// String tells which session this is, without its secrets.
func (s Session) String() string {
	return fmt.Sprintf("session %s (secrets redacted, expires %s)", clean(s.AccessKeyID, 128), s.Expiration.UTC().Format(time.RFC3339))
}

// GoString is String: %#v shows no secret either.
func (s Session) GoString() string { return s.String() }

// Format prints String for every verb: without it %d, %x and the like would print the fields.
func (s Session) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// LogValue is String, for log/slog.
func (s Session) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalJSON is String as a JSON string. What credential_process prints is written by its own type, on purpose.
func (s Session) MarshalJSON() ([]byte, error) { return json.Marshal(s.String()) }

// wireSession is the form a store keeps: one JSON object.
type wireSession struct {
	Version         int       `json:"v"`
	AccessKeyID     string    `json:"access_key_id"`
	SecretAccessKey string    `json:"secret_access_key"`
	SessionToken    string    `json:"session_token,omitempty"`
	AccountID       string    `json:"account_id,omitempty"`
	Issued          time.Time `json:"issued"`
	Expiration      time.Time `json:"expiration"`
}

// encode is the inverse of decodeSession; a session that decodeSession would refuse is an error here.
func (s Session) encode() ([]byte, error) {
	if err := s.validate(); err != nil {
		return nil, fmt.Errorf("session cannot be stored: %w", err)
	}
	b, err := json.Marshal(wireSession{sessionVersion, s.AccessKeyID, s.SecretAccessKey, s.SessionToken, s.AccountID, s.Issued.UTC(), s.Expiration.UTC()})
	if err != nil {
		return nil, fmt.Errorf("session cannot be stored: %w", err)
	}
	if len(b) > maxSession {
		return nil, fmt.Errorf("session cannot be stored: %d bytes, more than %d", len(b), maxSession)
	}
	return b, nil
}

// decodeSession reads what encode wrote: ErrVersion if a newer program wrote it, ErrCorrupt if it is anything else.
// Its errors quote nothing of the input: json's own would.
func decodeSession(b []byte) (Session, error) {
	if len(b) > maxSession {
		return Session{}, fmt.Errorf("%w: session of %d bytes", ErrCorrupt, len(b))
	}
	var w wireSession
	jsonErr := json.Unmarshal(b, &w)
	if err := checkVersion(b, w.Version, sessionVersion, jsonErr); err != nil {
		return Session{}, fmt.Errorf("session: %w", err)
	}
	s := Session{w.AccessKeyID, w.SecretAccessKey, w.SessionToken, w.AccountID, w.Issued.UTC(), w.Expiration.UTC()}
	if err := s.validate(); err != nil {
		return Session{}, fmt.Errorf("%w: session: %w", ErrCorrupt, err)
	}
	return s, nil
}

// checkVersion sorts a JSON document by its "v": nil if it is ours and parsed, ErrVersion if it is newer (whose other
// fields may well have failed to parse), ErrCorrupt otherwise.
func checkVersion(b []byte, got, want int, jsonErr error) error {
	if jsonErr != nil {
		var v struct {
			Version int `json:"v"`
		}
		if json.Unmarshal(b, &v) != nil {
			return fmt.Errorf("%w: not JSON of ours", ErrCorrupt)
		}
		got = v.Version
	}
	switch {
	case got > want:
		return fmt.Errorf("%w (version %d, this program knows %d)", ErrVersion, got, want)
	case got < want:
		return fmt.Errorf("%w: no version %d", ErrCorrupt, want)
	case jsonErr != nil:
		return fmt.Errorf("%w: a field is not as it should be", ErrCorrupt)
	}
	return nil
}

func (s Session) validate() error {
	switch {
	case s.AccessKeyID == "":
		return errors.New("no access key ID")
	case s.SecretAccessKey == "":
		return errors.New("no secret access key")
	case !s.Expiration.After(s.Issued):
		return errors.New("expiration is not after issue")
	}
	for _, f := range [...]struct{ name, value string }{
		{"access key ID", s.AccessKeyID}, {"secret access key", s.SecretAccessKey},
		{"session token", s.SessionToken}, {"account ID", s.AccountID},
	} {
		if strings.ContainsFunc(f.value, func(r rune) bool { return r < ' ' || r > '~' }) {
			return fmt.Errorf("%s is not printable ASCII", f.name)
		}
	}
	return nil
}

// Key names a session: a SHA-256 over everything that decides what STS would answer. The caller computes it.
type Key [32]byte

// String is the key as 64 lower-case hexadecimal digits, which is also its file name.
func (k Key) String() string { return hex.EncodeToString(k[:]) }

// ParseKey reads what Key.String wrote, and nothing else.
func ParseKey(s string) (Key, error) {
	var k Key
	if len(s) != hex.EncodedLen(len(k)) || strings.ToLower(s) != s {
		return Key{}, errors.New("cache key is not 64 lower-case hexadecimal digits")
	}
	if _, err := hex.Decode(k[:], []byte(s)); err != nil {
		return Key{}, errors.New("cache key is not 64 lower-case hexadecimal digits")
	}
	return k, nil
}
