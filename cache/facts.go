package cache

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

const (
	factsVersion  = 1
	maxFacts      = 64 << 10 // bytes of a facts file
	maxFactsField = 2048     // bytes of a field; IAM bounds a role ARN to this
	maxLastError  = 2048     // bytes of a last error and of its hint
)

// Facts is what is known about a session without opening it. None of it is secret. Text is printable: control and
// formatting characters are taken out and lengths bounded, both when it is written and when it is read.
type Facts struct {
	Key     Key    // which session; kept as the file's name
	Profile string // the profile that the session was made for
	RoleARN string // empty for a leaf's session
	Type    string // assume_role, session_token, or the leaf's type as `explain --json` has it
	Source  string // where the credentials that made it came from, in short
	Store   Choice // where the session is; empty if there is none, only an error to tell of
	Created time.Time
	Expires time.Time
	// Stray, if it is not zero, says that the keyring may hold a session beside what these facts tell of, and when that
	// expires: one that could not be deleted when a newer one went elsewhere, or one that is being put. It is cleared away
	// then.
	Stray time.Time
	// Forgotten says that what Stray tells of was to be deleted while the keyring was out of reach: it is not served any
	// more, and deleted by whoever finds the keyring open.
	Forgotten bool
	// LastError is why the session could not be made or renewed when that was last tried, LastErrorAt when.
	// A session that is put clears both.
	// LastHint is what can be done about it, if anything.
	LastError   string
	LastHint    string
	LastErrorAt time.Time
	// Passing says that the last error may pass with nothing changed, NeedsPerson that only a person can mend it.
	Passing, NeedsPerson bool
}

// tell reports whether the facts are of a session or a failure, rather than of what is to be cleared away only.
func (f Facts) tell() bool { return f.Store != "" || f.LastError != "" }

// forgotten gives the facts of a session that is to be deleted and may be in a keyring that is out of reach. f is what was
// known of it, if anything could be read.
func (f Facts) forgotten(key Key, now time.Time) Facts {
	until := latest(f.Stray, f.Expires)
	if until.IsZero() {
		until = now.Add(kernelKeyLife)
	}
	return Facts{Key: key, Stray: until, Forgotten: true}
}

// wireFacts is the content of a facts file. Unknown fields are for newer versions to add.
type wireFacts struct {
	Version     int       `json:"v"`
	Profile     string    `json:"profile,omitempty"`
	RoleARN     string    `json:"role_arn,omitempty"`
	Type        string    `json:"type,omitempty"`
	Source      string    `json:"source,omitempty"`
	Store       string    `json:"store,omitempty"`
	Created     time.Time `json:"created,omitzero"`
	Expires     time.Time `json:"expires,omitzero"`
	Stray       time.Time `json:"stray,omitzero"`
	Forgotten   bool      `json:"forgotten,omitempty"`
	LastError   string    `json:"last_error,omitempty"`
	LastHint    string    `json:"last_hint,omitempty"`
	LastErrorAt time.Time `json:"last_error_at,omitzero"`
	Passing     bool      `json:"passing,omitempty"`
	NeedsPerson bool      `json:"needs_person,omitempty"`
}

func (f Facts) encode() ([]byte, error) {
	b, err := json.Marshal(wireFacts{
		Version: factsVersion, Profile: clean(f.Profile, maxFactsField), RoleARN: clean(f.RoleARN, maxFactsField),
		Type: clean(f.Type, maxFactsField), Source: clean(f.Source, maxFactsField), Store: string(f.Store),
		Created: f.Created.UTC(), Expires: f.Expires.UTC(), Stray: f.Stray.UTC(), Forgotten: f.Forgotten,
		LastError: clean(f.LastError, maxLastError), LastHint: clean(f.LastHint, maxLastError), LastErrorAt: f.LastErrorAt.UTC(),
		Passing: f.Passing, NeedsPerson: f.NeedsPerson,
	})
	if err != nil {
		return nil, fmt.Errorf("facts: %w", err)
	}
	return b, nil
}

// decodeFacts reads what encode wrote: ErrVersion if a newer program wrote it, ErrCorrupt if it is anything else.
func decodeFacts(b []byte) (Facts, error) {
	if len(b) > maxFacts {
		return Facts{}, fmt.Errorf("%w: facts of %d bytes", ErrCorrupt, len(b))
	}
	var w wireFacts
	jsonErr := json.Unmarshal(b, &w)
	if err := checkVersion(b, w.Version, factsVersion, jsonErr); err != nil {
		return Facts{}, fmt.Errorf("facts: %w", err)
	}
	return Facts{
		Profile: clean(w.Profile, maxFactsField), RoleARN: clean(w.RoleARN, maxFactsField),
		Type: clean(w.Type, maxFactsField), Source: clean(w.Source, maxFactsField), Store: Choice(clean(w.Store, 32)),
		Created: w.Created.UTC(), Expires: w.Expires.UTC(), Stray: w.Stray.UTC(), Forgotten: w.Forgotten,
		LastError: clean(w.LastError, maxLastError), LastHint: clean(w.LastHint, maxLastError), LastErrorAt: w.LastErrorAt.UTC(),
		Passing: w.Passing, NeedsPerson: w.NeedsPerson,
	}, nil
}

// clean makes text of unknown origin fit for a terminal: a run of control or formatting characters, line ends or bytes
// that are no UTF-8 becomes a space, and what is longer than limit bytes is cut at a character.
func clean(s string, limit int) string {
	hostile := func(r rune) bool {
		return r == utf8.RuneError || unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp)
	}
	if strings.ContainsFunc(s, hostile) {
		s = strings.Join(strings.FieldsFunc(s, hostile), " ")
	}
	if len(s) > limit {
		s = s[:limit]
		for !utf8.ValidString(s) {
			s = s[:len(s)-1]
		}
	}
	return s
}

func factsName(key Key) string { return key.String() + ".json" }

// readFacts answers ErrMiss where there are none.
func (d *stateDir) readFacts(key Key) (Facts, error) {
	root, err := d.sub(factsDir, false)
	if errors.Is(err, fs.ErrNotExist) {
		return Facts{}, ErrMiss
	}
	if err != nil {
		return Facts{}, err
	}
	defer root.Close()
	b, err := readBounded(root, factsName(key), maxFacts)
	if errors.Is(err, fs.ErrNotExist) {
		return Facts{}, ErrMiss
	}
	if err != nil { // whatever stands there in its place, it is replaced with the next session
		return Facts{}, fmt.Errorf("facts: %w: %w", ErrCorrupt, err)
	}
	f, err := decodeFacts(b)
	f.Key = key
	return f, err
}

func (d *stateDir) writeFacts(f Facts) error {
	b, err := f.encode()
	if err != nil {
		return err
	}
	root, err := d.sub(factsDir, true)
	if err != nil {
		return err
	}
	defer root.Close()
	if err := writeAtomic(root, factsName(f.Key), b); err != nil {
		return fmt.Errorf("facts: %w", err)
	}
	return nil
}

func (d *stateDir) removeFacts(key Key) error {
	root, err := d.sub(factsDir, false)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer root.Close()
	return errors.Join(remove(root, claimName(key)), remove(root, factsName(key)))
}

// keys lists the sessions that have a file in a directory of ours, whose name is the key and the suffix.
func (d *stateDir) keys(dir, suffix string) ([]Key, error) {
	root, err := d.sub(dir, false)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer root.Close()
	entries, err := fs.ReadDir(root.FS(), ".")
	if err != nil {
		return nil, err
	}
	var keys []Key
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), suffix)
		if key, err := ParseKey(name); ok && err == nil {
			keys = append(keys, key)
		}
	}
	return keys, nil
}
