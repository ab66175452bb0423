package credproc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"aws-credproc/cache"
	"aws-credproc/cache/keyring"
	"aws-credproc/profiles"
)

// keysService is the service of the keyring items of long-term keys; the user name is the profile and its config file. It
// is not that of the sessions, of which everything is deleted by `clear --all`.
const keysService = "aws-credproc-keys"

// keysLabel is what a person reads who looks through the keyring, before the profile.
const keysLabel = "AWS access key of profile"

// ErrNoKeys: the keyring has no long-term keys of this profile.
var ErrNoKeys = errors.New("no long-term keys of this profile are in the keyring")

// Keys are the long-term keys of profiles, in the operating system's keyring. Errors other than those named are failures
// of the keyring, see [keyring.ErrLocked] and its like.
type Keys struct{ secrets *keyring.Secrets }

// NewKeys gives the keys of this user.
func NewKeys() *Keys { return &Keys{keyring.NewSecrets(keysService, keysLabel)} }

// wireKeys is the content of an item. Unknown fields are for newer versions to add, and a change that an older one would
// read wrongly is a new version.
type wireKeys struct {
	Version         int       `json:"v"`
	AccessKeyID     string    `json:"access_key_id"`
	SecretAccessKey string    `json:"secret_access_key"`
	Added           bool      `json:"added,omitempty"`
	Cuts            []wireCut `json:"cuts,omitempty"`
}

type wireCut struct {
	File    string      `json:"file"`
	Section int         `json:"section,omitempty"`
	Rest    []byte      `json:"rest"`
	Pieces  []wirePiece `json:"pieces"`
}

type wirePiece struct {
	At   int    `json:"at"`
	Text []byte `json:"text"` // it need not be UTF-8
}

const keysVersion = 1

// Get gives the keys of a profile of a config file, which is known by its [profiles.FileID]: ErrNoKeys if there are none.
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

// Set keeps the keys of a profile, in the place of those before, and makes sure that they can be read.
func (k *Keys) Set(ctx context.Context, config, profile string, keys profiles.Keys) error {
	text, err := encodeKeys(keys)
	if err != nil {
		return err
	}
	if err := k.secrets.Set(ctx, keysUser(config, profile), text); err != nil {
		return err
	}
	switch kept, err := k.secrets.Get(ctx, keysUser(config, profile)); {
	case err != nil:
		return fmt.Errorf("the keys were kept, and cannot be read: %w", err)
	case kept != text:
		return errors.New("the keys were kept, and others are read")
	}
	return nil
}

// Delete forgets the keys of a profile. That there are none is no error.
func (k *Keys) Delete(ctx context.Context, config, profile string) error {
	if err := k.secrets.Delete(ctx, keysUser(config, profile)); !errors.Is(err, keyring.ErrNotFound) {
		return err
	}
	return nil
}

func keysUser(config, profile string) string { return profile + " in " + config }

func encodeKeys(k profiles.Keys) (string, error) {
	w := wireKeys{Version: keysVersion, AccessKeyID: k.AccessKeyID, SecretAccessKey: string(k.SecretAccessKey), Added: k.Added}
	for _, c := range k.Cuts {
		cut := wireCut{File: c.File, Section: c.Section, Rest: c.Rest[:]}
		for _, p := range c.Pieces {
			cut.Pieces = append(cut.Pieces, wirePiece{p.At, []byte(p.Text)})
		}
		w.Cuts = append(w.Cuts, cut)
	}
	b, err := json.Marshal(w)
	return string(b), err
}

// decodeKeys reads what encodeKeys wrote. Its errors quote nothing of it.
func decodeKeys(text string) (profiles.Keys, error) {
	corrupt := fmt.Errorf("long-term keys in the keyring: %w", cache.ErrCorrupt)
	var w wireKeys
	if err := json.Unmarshal([]byte(text), &w); err != nil || w.Version < 1 {
		return profiles.Keys{}, corrupt
	}
	if w.Version > keysVersion {
		return profiles.Keys{}, fmt.Errorf("long-term keys in the keyring: %w", cache.ErrVersion)
	}
	k := profiles.Keys{AccessKeyID: w.AccessKeyID, SecretAccessKey: profiles.Secret(w.SecretAccessKey), Added: w.Added}
	if malformed(cache.Session{AccessKeyID: w.AccessKeyID, SecretAccessKey: w.SecretAccessKey}) != "" {
		return profiles.Keys{}, corrupt
	}
	for _, c := range w.Cuts {
		cut := profiles.Cut{File: c.File, Section: c.Section}
		if len(c.Rest) != len(cut.Rest) || c.File != profiles.ConfigFile && c.File != profiles.CredentialsFile || c.Section < 0 {
			return profiles.Keys{}, corrupt
		}
		copy(cut.Rest[:], c.Rest)
		at := 0
		for _, p := range c.Pieces {
			if p.At < at {
				return profiles.Keys{}, corrupt
			}
			at = p.At
			cut.Pieces = append(cut.Pieces, profiles.Piece{At: p.At, Text: profiles.Secret(p.Text)})
		}
		k.Cuts = append(k.Cuts, cut)
	}
	return k, nil
}
