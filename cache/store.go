package cache

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"aws-credproc/cache/statedir"
	"aws-credproc/internal/keyringapi"
	"aws-credproc/internal/printable"
	"aws-credproc/internal/versioned"
)

// What a Cache returns instead of a session. Errors wrap these. Only ErrMiss means that there is no
// session.
var (
	// ErrMiss means that there is no session. It is not a failure.
	ErrMiss = errors.New("no session in the cache")
	// ErrLocked means that a user must unlock the keyring.
	ErrLocked = keyringapi.ErrLocked
	// ErrUnavailable means that this machine or login does not have the store.
	ErrUnavailable = keyringapi.ErrUnavailable
	// ErrOtherUser means that the keyring belongs to another user. It wraps ErrUnavailable.
	ErrOtherUser = keyringapi.ErrOtherUser
	// ErrTimeout means that the keyring did not respond in time. It may have the session.
	ErrTimeout = keyringapi.ErrTimeout
	// ErrCorrupt means that no version of this program stored the data under this key.
	ErrCorrupt = versioned.ErrCorrupt
	// ErrVersion means that a newer version of this program stored the data. It is never
	// overwritten.
	ErrVersion = versioned.ErrNewer
)

// store stores sessions. Many processes may call it concurrently: a reader gets the old session or
// the new one, never a mixture. get returns ErrMiss if there is no session; delete reports whether
// there was one.
type store interface {
	get(ctx context.Context, key Key) (Session, error)
	put(ctx context.Context, key Key, s Session) error
	delete(ctx context.Context, key Key) (found bool, err error)
}

// stores are the stores of this machine.
type stores struct {
	keyring OSKeyring
	maxItem int // bytes of a keyring item
	kernel  kernelKeys
}

func newStores(k OSKeyring) *stores {
	if k == nil {
		k = noKeyring{}
	}
	return &stores{keyring: k, maxItem: k.MaxItem(), kernel: osKernel{}}
}

// open returns a store. d may be nil for the keyring. The error wraps ErrVersion for a store that
// this version does not know.
func (s *stores) open(d *statedir.Dir, name Choice) (store, error) {
	switch name {
	case Keyring:
		return s.keyringStore(d), nil
	case Kernel:
		return s.kernelStore(d), nil
	case File:
		return fileStore{d}, nil
	}
	return nil, fmt.Errorf("it is in store %q: %w", name, ErrVersion)
}

func (s *stores) keyringStore(d *statedir.Dir) keyringStore {
	return keyringStore{keyring: s.keyring, dir: d, maxItem: s.maxItem}
}

func (s *stores) kernelStore(d *statedir.Dir) kernelStore { return kernelStore{d, s.kernel} }

// get returns a session that has not expired at the time now.
func (s *stores) get(
	ctx context.Context, d *statedir.Dir, name Choice, key Key, now time.Time,
) (Session, error) {
	st, err := s.open(d, name)
	if err != nil {
		return Session{}, err
	}
	session, err := st.get(ctx, key)
	if err == nil && !session.Expiration.After(now) {
		return Session{}, ErrMiss
	}
	return session, err
}

// put stores a session, unless a newer version of this program has stored one. It calls prepare,
// which may be nil, after the store has responded and before it is changed.
func (s *stores) put(
	ctx context.Context, d *statedir.Dir, name Choice, key Key, session Session,
	prepare func() error,
) error {
	st, err := s.open(d, name)
	if err != nil {
		return err
	}
	_, err = st.get(ctx, key)
	if err != nil && !errors.Is(err, ErrMiss) && !errors.Is(err, ErrCorrupt) {
		return err
	}
	if prepare != nil {
		if err := prepare(); err != nil {
			return err
		}
	}
	return st.put(ctx, key, session)
}

func (s *stores) delete(
	ctx context.Context, d *statedir.Dir, name Choice, key Key,
) (found bool, err error) {
	st, err := s.open(d, name)
	if err != nil {
		return false, err
	}
	return st.delete(ctx, key)
}

// Choice is a value of --store.
type Choice string

// The choices. Auto is the keyring if it is unlocked, else the kernel store, else None.
const (
	Auto    Choice = "auto"
	Keyring Choice = "keyring"
	Kernel  Choice = "kernel" // ErrUnavailable except on Linux, so that machines may share settings
	File    Choice = "file"
	None    Choice = "none"
)

// Choices returns the values that ParseChoice accepts.
func Choices() []Choice { return []Choice{Auto, Keyring, Kernel, File, None} }

// ParseChoice parses a value of --store. The empty string is Auto.
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
	return "", fmt.Errorf("unknown store %q: not one of %s", printable.Clean(s, 32),
		strings.Join(names, ", "))
}
