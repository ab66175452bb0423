package cache

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"aws-credproc/cache/statedir"
	"aws-credproc/internal/printable"
	"aws-credproc/internal/versioned"
)

const (
	factsVersion  = 1
	maxFacts      = 64 << 10 // bytes of a facts file
	maxFactsField = 2048     // bytes of a field; the limit of IAM for a role ARN
	maxLastError  = 2048     // bytes of a last error and of its hint
	maxStore      = 32       // bytes of the name of a store
)

// Facts describe a session without its secrets. Both the writer and the reader remove unsafe
// characters from text and limit its length.
type Facts struct {
	Key     Key    // the session; the name of the file
	Profile string // the profile for which the session was obtained
	RoleARN string // empty if the session is not that of a role
	Type    string // assume_role, session_token, or the source's type as in `explain --json`
	Source  string // a short description of the source of the credentials
	Store   Choice // the store of the session; empty if there is only an error
	Created time.Time
	Expires time.Time

	// KeyringUntil, if not zero, is when another session with this key expires that the keyring may
	// have: one that could not be deleted when the next one was stored elsewhere, or one that is
	// being stored. It is deleted after it has expired.
	KeyringUntil time.Time
	// PendingDelete means that the session of KeyringUntil was deleted while the keyring could not
	// be reached. It is no longer returned, and a later Put deletes it.
	PendingDelete bool

	// LastError is why the last attempt to obtain or renew the session failed. A Put clears it.
	LastError   string
	LastHint    string // the hint for the error, if there is one
	LastErrorAt time.Time
	Temporary   bool // the same attempt may succeed later
	NeedsUser   bool // only a user can resolve it
	Unshared    bool // status shows it, but other processes do not return it

	// KeyLost means that the kernel has no key for a session in the kernel store here, for example in
	// another user namespace. Only [Cache.Facts] sets it.
	KeyLost bool
}

// isReported reports whether the facts are about a session or a failure, not only about a pending
// deletion.
func (f Facts) isReported() bool { return f.Store != "" || f.LastError != "" }

// mayBeInKeyring reports whether the keyring may hold a session with this key.
func (f Facts) mayBeInKeyring() bool { return f.Store == Keyring || !f.KeyringUntil.IsZero() }

// withSession returns the facts about a session that has been stored.
func (f Facts) withSession(key Key, s Session, store Choice) Facts {
	f.Key, f.Store, f.Created, f.Expires = key, store, s.Issued, s.Expiration
	f.LastError, f.LastHint, f.LastErrorAt = "", "", time.Time{}
	f.Temporary, f.NeedsUser, f.Unshared = false, false, false
	return f
}

// withKeyringOf copies what the keyring may have from the old facts, unless the session is in the
// keyring and so has replaced it.
func (f Facts) withKeyringOf(old Facts) Facts {
	f.KeyringUntil, f.PendingDelete = time.Time{}, false
	if f.Store != Keyring {
		f.KeyringUntil, f.PendingDelete = old.KeyringUntil, old.PendingDelete
		if old.Store == Keyring {
			f.KeyringUntil = latest(old.KeyringUntil, old.Expires)
		}
	}
	return f
}

// pendingDelete returns the facts about a session that must be deleted from a keyring that cannot
// be reached. f are the previous facts, if they could be read.
func (f Facts) pendingDelete(key Key, now time.Time) Facts {
	until := latest(f.KeyringUntil, f.Expires)
	if until.IsZero() {
		until = now.Add(kernelKeyLife)
	}
	return Facts{Key: key, KeyringUntil: until, PendingDelete: true}
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// factsJSON is the content of a facts file. Newer versions may add fields.
type factsJSON struct {
	Version       int       `json:"v"`
	Profile       string    `json:"profile,omitempty"`
	RoleARN       string    `json:"role_arn,omitempty"`
	Type          string    `json:"type,omitempty"`
	Source        string    `json:"source,omitempty"`
	Store         string    `json:"store,omitempty"`
	Created       time.Time `json:"created,omitzero"`
	Expires       time.Time `json:"expires,omitzero"`
	KeyringUntil  time.Time `json:"stray,omitzero"`
	PendingDelete bool      `json:"forgotten,omitempty"`
	LastError     string    `json:"last_error,omitempty"`
	LastHint      string    `json:"last_hint,omitempty"`
	LastErrorAt   time.Time `json:"last_error_at,omitzero"`
	Temporary     bool      `json:"passing,omitempty"`
	NeedsUser     bool      `json:"needs_person,omitempty"`
	Unshared      bool      `json:"unshared,omitempty"`
}

func (f Facts) encode() ([]byte, error) {
	b, err := json.Marshal(factsJSON{
		Version:       factsVersion,
		Profile:       printable.Clean(f.Profile, maxFactsField),
		RoleARN:       printable.Clean(f.RoleARN, maxFactsField),
		Type:          printable.Clean(f.Type, maxFactsField),
		Source:        printable.Clean(f.Source, maxFactsField),
		Store:         string(f.Store),
		Created:       f.Created.UTC(),
		Expires:       f.Expires.UTC(),
		KeyringUntil:  f.KeyringUntil.UTC(),
		PendingDelete: f.PendingDelete,
		LastError:     printable.Clean(f.LastError, maxLastError),
		LastHint:      printable.Clean(f.LastHint, maxLastError),
		LastErrorAt:   f.LastErrorAt.UTC(),
		Temporary:     f.Temporary,
		NeedsUser:     f.NeedsUser,
		Unshared:      f.Unshared,
	})
	if err != nil {
		return nil, fmt.Errorf("facts: %w", err)
	}
	return b, nil
}

// decodeFacts decodes what encode has returned. Otherwise, the error wraps ErrVersion or
// ErrCorrupt.
func decodeFacts(b []byte) (Facts, error) {
	if len(b) > maxFacts {
		return Facts{}, fmt.Errorf("%w: facts of %d bytes", ErrCorrupt, len(b))
	}
	var w factsJSON
	jsonErr := json.Unmarshal(b, &w)
	if err := versioned.Check(b, w.Version, factsVersion, jsonErr); err != nil {
		return Facts{}, fmt.Errorf("facts: %w", err)
	}
	return Facts{
		Profile:       printable.Clean(w.Profile, maxFactsField),
		RoleARN:       printable.Clean(w.RoleARN, maxFactsField),
		Type:          printable.Clean(w.Type, maxFactsField),
		Source:        printable.Clean(w.Source, maxFactsField),
		Store:         Choice(printable.Clean(w.Store, maxStore)),
		Created:       w.Created.UTC(),
		Expires:       w.Expires.UTC(),
		KeyringUntil:  w.KeyringUntil.UTC(),
		PendingDelete: w.PendingDelete,
		LastError:     printable.Clean(w.LastError, maxLastError),
		LastHint:      printable.Clean(w.LastHint, maxLastError),
		LastErrorAt:   w.LastErrorAt.UTC(),
		Temporary:     w.Temporary,
		NeedsUser:     w.NeedsUser,
		Unshared:      w.Unshared,
	}, nil
}

// place is what a get needs of the facts. It has few fields, because encoding/json prepares for all
// fields of a type when it decodes the first value. With all facts, a get takes 1.015 times as long.
type place struct {
	Version int       `json:"v"`
	Store   Choice    `json:"store"`
	Expires time.Time `json:"expires"`
}

// readPlace returns where a session is, with the errors of readFacts.
func readPlace(d *statedir.Dir, key Key) (p place, err error) {
	b, err := readFactsFile(d, key)
	if err != nil {
		return place{}, err
	}
	jsonErr := json.Unmarshal(b, &p)
	if err := versioned.Check(b, p.Version, factsVersion, jsonErr); err != nil {
		return place{}, fmt.Errorf("facts: %w", err)
	}
	p.Store = Choice(printable.Clean(string(p.Store), maxStore))
	return p, nil
}

func factsName(key Key) string { return key.String() + ".json" }

// readFacts returns the facts about a session. The error is ErrMiss if there are none. The key of
// the result is set even with an error.
func readFacts(d *statedir.Dir, key Key) (Facts, error) {
	b, err := readFactsFile(d, key)
	if err != nil {
		return Facts{Key: key}, err
	}
	f, err := decodeFacts(b)
	f.Key = key
	return f, err
}

func readFactsFile(d *statedir.Dir, key Key) ([]byte, error) {
	b, err := d.Read(statedir.Facts, factsName(key), maxFacts)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrMiss
	}
	if !errors.As(err, new(*statedir.FileError)) {
		return b, err
	}
	if !errors.Is(err, ErrCorrupt) {
		err = fmt.Errorf("%w: %w", ErrCorrupt, err) // the next session replaces the file
	}
	return nil, fmt.Errorf("facts: %w", err)
}

func writeFacts(d *statedir.Dir, f Facts) error {
	b, err := f.encode()
	if err != nil {
		return err
	}
	if err := d.Write(statedir.Facts, factsName(f.Key), b); err != nil {
		return fmt.Errorf("facts: %w", err)
	}
	return nil
}

func removeFacts(d *statedir.Dir, key Key) error {
	return errors.Join(d.Remove(statedir.Facts, claimName(key)),
		d.Remove(statedir.Facts, factsName(key)))
}

// factsKeys returns the keys of all sessions that have facts.
func factsKeys(d *statedir.Dir) ([]Key, error) {
	entries, err := d.List(statedir.Facts)
	if err != nil {
		return nil, err
	}
	keys := make([]Key, 0, len(entries))
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), ".json")
		if key, err := ParseKey(name); ok && err == nil {
			keys = append(keys, key)
		}
	}
	return keys, nil
}
