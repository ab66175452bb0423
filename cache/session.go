// Package cache stores sessions until they expire. It has the stores, the lock that lets one of
// many processes obtain a session, and facts about sessions that can be read without opening them.
//
// A session is always whole or absent, even if a process is killed. A failure is never reported as
// a miss. Nothing hangs or starts a daemon, and only Unlock shows a prompt. No secret is in an
// error, in a file that is not sealed, or in printed values.
package cache

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"aws-credproc/internal/printable"
	"aws-credproc/internal/versioned"
)

// maxSession is the size limit of an encoded session in bytes. AWS sets no limit for session
// tokens; most are below 4096 bytes.
const maxSession = 128 << 10

// sessionVersion is the version of the encoding that this program reads and writes.
const sessionVersion = 1

// Session is a set of temporary credentials. Printing one, also as JSON, shows the access key ID
// and the expiration and no secret. There are two exceptions: verbs that go vet refuses (%w and
// %p), and a struct that has a Session in an unexported field, which must not be printed.
type Session struct {
	AccessKeyID, SecretAccessKey, SessionToken string
	// AccountID is empty if the source does not report it.
	AccountID string
	// Issued is when the credentials were issued, by the issuer's clock. Expiration is later.
	Issued, Expiration time.Time
}

// String returns the access key ID and the expiration.
func (s Session) String() string {
	return fmt.Sprintf("session %s (secrets redacted, expires %s)",
		printable.Clean(s.AccessKeyID, 128), s.Expiration.UTC().Format(time.RFC3339))
}

// GoString returns String, for %#v.
func (s Session) GoString() string { return s.String() }

// Format writes String for every verb: without it, %d, %x and others would print the fields.
func (s Session) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// MarshalJSON returns String as a JSON string. The output of credential_process has a type of its
// own.
func (s Session) MarshalJSON() ([]byte, error) { return json.Marshal(s.String()) }

// sessionJSON is the JSON encoding of a session in a store.
type sessionJSON struct {
	Version         int       `json:"v"`
	AccessKeyID     string    `json:"access_key_id"`
	SecretAccessKey string    `json:"secret_access_key"`
	SessionToken    string    `json:"session_token,omitempty"`
	AccountID       string    `json:"account_id,omitempty"`
	Issued          time.Time `json:"issued"`
	Expiration      time.Time `json:"expiration"`
}

// encode is the inverse of decodeSession. It returns an error for a session that decodeSession
// would refuse.
func (s Session) encode() ([]byte, error) {
	if err := s.validate(); err != nil {
		return nil, fmt.Errorf("session cannot be stored: %w", err)
	}
	b, err := json.Marshal(sessionJSON{sessionVersion, s.AccessKeyID, s.SecretAccessKey,
		s.SessionToken,
		s.AccountID, s.Issued.UTC(), s.Expiration.UTC()})
	if err != nil {
		return nil, fmt.Errorf("session cannot be stored: %w", err)
	}
	if len(b) > maxSession {
		return nil, fmt.Errorf("session cannot be stored: %d bytes, more than %d", len(b),
			maxSession)
	}
	return b, nil
}

// decodeSession decodes what encode has returned. Otherwise, the error wraps ErrVersion or
// ErrCorrupt. It does not quote b, as an error of json would.
func decodeSession(b []byte) (Session, error) {
	if len(b) > maxSession {
		return Session{}, fmt.Errorf("%w: session of %d bytes", ErrCorrupt, len(b))
	}
	var w sessionJSON
	jsonErr := json.Unmarshal(b, &w)
	if err := versioned.Check(b, w.Version, sessionVersion, jsonErr); err != nil {
		return Session{}, fmt.Errorf("session: %w", err)
	}
	s := Session{w.AccessKeyID, w.SecretAccessKey, w.SessionToken, w.AccountID, w.Issued.UTC(),
		w.Expiration.UTC()}
	if err := s.validate(); err != nil {
		return Session{}, fmt.Errorf("%w: session: %w", ErrCorrupt, err)
	}
	return s, nil
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

// Key identifies a session. It is a SHA-256 hash of everything that determines the response of STS,
// which the caller computes.
type Key [32]byte

// String returns the key as 64 lower-case hexadecimal digits.
func (k Key) String() string { return hex.EncodeToString(k[:]) }

// ParseKey parses what Key.String returns.
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
