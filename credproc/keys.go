package credproc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"aws-credproc/cache"
	"aws-credproc/cache/keyring"
	"aws-credproc/profiles"
)

// keysService is the service name of keyring items with long-term keys. It differs from that of
// sessions, whose items clear --all deletes.
const keysService = "aws-credproc-keys"

// keysLabel begins the label of an item in the keyring; the profile follows.
const keysLabel = "AWS access key of profile"

// ErrNoKeys means that the keyring has no long-term keys of the profile.
var ErrNoKeys = errors.New("no long-term keys of this profile are in the keyring")

// Keys stores the long-term keys of profiles in the keyring. Its errors, other than [ErrNoKeys],
// are those of the keyring, such as [keyring.ErrLocked].
type Keys struct{ secrets *keyring.Secrets }

// NewKeys returns the keys of this user.
func NewKeys() *Keys { return &Keys{keyring.NewSecrets(keysService, keysLabel)} }

// keysJSON is the content of an item. Newer versions may add fields. A change that older versions
// would misread needs a new version number.
type keysJSON struct {
	Version         int       `json:"v"`
	AccessKeyID     string    `json:"access_key_id"`
	SecretAccessKey string    `json:"secret_access_key"`
	Added           bool      `json:"added,omitempty"`
	Cuts            []cutJSON `json:"cuts,omitempty"`
}

type cutJSON struct {
	File    string      `json:"file"`
	Section int         `json:"section,omitempty"`
	Rest    []byte      `json:"rest"`
	Pieces  []pieceJSON `json:"pieces"`
}

type pieceJSON struct {
	At   int    `json:"at"`
	Text []byte `json:"text"` // may not be UTF-8
}

const keysVersion = 1

// Get returns the keys of a profile. config is the [profiles.FileID] of its config file. The error
// is [ErrNoKeys] if there are none.
func (k *Keys) Get(ctx context.Context, config, profile string) (profiles.Keys, error) {
	text, err := k.secrets.Get(ctx, keysUser(config, profile))
	if errors.Is(err, keyring.ErrNotFound) {
		return profiles.Keys{}, ErrNoKeys
	}
	if err != nil {
		return profiles.Keys{}, err
	}
	return decodeKeys(text)
}

// Set stores the keys of a profile, and reads them back to verify that it can.
func (k *Keys) Set(ctx context.Context, config, profile string, keys profiles.Keys) error {
	text, err := encodeKeys(keys)
	if err != nil {
		return err
	}
	if err := k.secrets.Set(ctx, keysUser(config, profile), text); err != nil {
		return err
	}
	switch stored, err := k.secrets.Get(ctx, keysUser(config, profile)); {
	case err != nil:
		return fmt.Errorf("the keys were stored but cannot be read: %w", err)
	case stored != text:
		return errors.New("the keyring returned other keys than were stored")
	}
	return nil
}

// WaitWritten waits until the keyring has written the keys of a profile to disk, which Set had stored
// before the time: see [keyring.Keyring.WaitWritten].
func (k *Keys) WaitWritten(
	ctx context.Context, config, profile string, keys profiles.Keys, stored time.Time,
) (bool, error) {
	text, err := encodeKeys(keys)
	if err != nil {
		return false, err
	}
	return k.secrets.WaitWritten(ctx, keysUser(config, profile), text, stored)
}

// Delete deletes the keys of a profile, if there are any.
func (k *Keys) Delete(ctx context.Context, config, profile string) error {
	if err := k.secrets.Delete(ctx, keysUser(config, profile)); !errors.Is(err, keyring.ErrNotFound) {
		return err
	}
	return nil
}

func keysUser(config, profile string) string { return profile + " in " + config }

func encodeKeys(k profiles.Keys) (string, error) {
	w := keysJSON{
		Version: keysVersion, AccessKeyID: k.AccessKeyID, SecretAccessKey: string(k.SecretAccessKey),
		Added: k.Added,
	}
	for _, c := range k.Cuts {
		cut := cutJSON{File: c.File, Section: c.Section, Rest: c.Rest[:]}
		for _, p := range c.Pieces {
			cut.Pieces = append(cut.Pieces, pieceJSON{p.At, []byte(p.Text)})
		}
		w.Cuts = append(w.Cuts, cut)
	}
	b, err := json.Marshal(w)
	return string(b), err
}

// decodeKeys reads what encodeKeys wrote. Its errors quote nothing of the text.
func decodeKeys(text string) (profiles.Keys, error) {
	corrupt := fmt.Errorf("long-term keys in the keyring: %w", cache.ErrCorrupt)
	var w keysJSON
	if err := json.Unmarshal([]byte(text), &w); err != nil || w.Version < 1 {
		return profiles.Keys{}, corrupt
	}
	if w.Version > keysVersion {
		return profiles.Keys{}, fmt.Errorf("long-term keys in the keyring: %w", cache.ErrVersion)
	}
	k := profiles.Keys{
		AccessKeyID: w.AccessKeyID, SecretAccessKey: profiles.Secret(w.SecretAccessKey), Added: w.Added,
	}
	if malformed(cache.Session{AccessKeyID: w.AccessKeyID, SecretAccessKey: w.SecretAccessKey}) != "" {
		return profiles.Keys{}, corrupt
	}
	for _, c := range w.Cuts {
		cut, ok := c.decode()
		if !ok {
			return profiles.Keys{}, corrupt
		}
		k.Cuts = append(k.Cuts, cut)
	}
	return k, nil
}

// decode returns the cut, and false if it is not one that encodeKeys writes.
func (c cutJSON) decode() (profiles.Cut, bool) {
	cut := profiles.Cut{File: c.File, Section: c.Section}
	if c.File != profiles.ConfigFile && c.File != profiles.CredentialsFile ||
		len(c.Rest) != len(cut.Rest) || c.Section < 0 {
		return profiles.Cut{}, false
	}
	copy(cut.Rest[:], c.Rest)
	at := 0
	for _, p := range c.Pieces {
		if p.At < at {
			return profiles.Cut{}, false
		}
		at = p.At
		cut.Pieces = append(cut.Pieces, profiles.Piece{At: p.At, Text: profiles.Secret(p.Text)})
	}
	return cut, true
}
