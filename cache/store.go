package cache

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// What a Store, and so a Cache, answers instead of a session. Errors wrap these; none but ErrMiss means that there is
// no session.
var (
	// ErrMiss: there is no session. Not a failure.
	ErrMiss = errors.New("no session in the cache")
	// ErrLocked: the keyring is there and needs a person to unlock it.
	ErrLocked = errors.New("locked")
	// ErrUnavailable: this machine or login has no such store.
	ErrUnavailable = errors.New("not available")
	// ErrTimeout: the keyring did not answer in time. It may hold the session all the same.
	ErrTimeout = errors.New("no answer in time")
	// ErrCorrupt: what is stored is not a session that this program or another version of it wrote under this key.
	ErrCorrupt = errors.New("corrupt")
	// ErrVersion: a newer version of this program wrote it. It is never overwritten.
	ErrVersion = errors.New("written by a newer version of this program")
)

// Store keeps sessions. Its methods may be called by many processes at once: a reader sees the old session or the new
// one, never a mixture. Get answers ErrMiss for what is absent; deleting what is absent is not an error.
type Store interface {
	Get(ctx context.Context, key Key) (Session, error)
	Put(ctx context.Context, key Key, s Session) error
	Delete(ctx context.Context, key Key) error
}

// Choice is a value of --store.
type Choice string

// The choices. Auto is the keyring if it is there and open, else the kernel store, else None.
const (
	Auto    Choice = "auto"
	Keyring Choice = "keyring"
	Kernel  Choice = "kernel" // Linux; elsewhere it is ErrUnavailable, so that machines may share their settings
	File    Choice = "file"
	None    Choice = "none"
)

// Choices lists what ParseChoice takes, for flag help and completion.
func Choices() []Choice { return []Choice{Auto, Keyring, Kernel, File, None} }

// ParseChoice reads a value of --store; the empty string is Auto.
func ParseChoice(s string) (Choice, error) {
	if s == "" {
		return Auto, nil
	}
	if slices.Contains(Choices(), Choice(s)) {
		return Choice(s), nil
	}
	names := make([]string, 0, len(Choices()))
	for _, c := range Choices() {
		names = append(names, string(c))
	}
	return "", fmt.Errorf("unknown store %q: one of %s", clean(s, 32), strings.Join(names, ", "))
}
