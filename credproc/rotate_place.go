package credproc

import (
	"cmp"
	"context"
	"errors"
	"time"

	"aws-credproc/cache/keyring"
	"aws-credproc/cache/statedir"
	"aws-credproc/internal/diag"
	"aws-credproc/profiles"
)

// errChanged means that a place has another key than expected.
var errChanged = errors.New("another program has changed the access key of the profile")

// errKeyChanged returns errChanged for a profile.
func errKeyChanged(profile string) error {
	return &diag.Error{Profile: profile, Err: errChanged}
}

// FilePlace returns the place of an access key that is in one of the config files, as the source of
// a chain.
func FilePlace(c profiles.Chain) KeyPlace {
	return filePlace{c.ConfigPath, c.CredentialsPath, c.Source.Profile}
}

type filePlace struct{ config, credentials, profile string }

func (p filePlace) Read(context.Context) (profiles.AccessKey, error) {
	f, err := profiles.Load(p.config, p.credentials)
	if err != nil {
		return profiles.AccessKey{}, err
	}
	return profiles.KeyOf(f, p.profile)
}

func (p filePlace) Replace(ctx context.Context, old, key profiles.AccessKey) error {
	_, err := profiles.Move{Edit: func(e *profiles.Editor) error {
		return profiles.ReplaceKey(e, p.profile, old, key)
	}}.Run(ctx, p.config, p.credentials)
	return err
}

// IsOnDisk returns true: the files are synced when they are replaced.
func (p filePlace) IsOnDisk(context.Context, string, bool) (bool, error) { return true, nil }

// KeyringPlace returns the place of an access key that was imported into the keyring, as the source
// of a chain.
func (r *Resolver) KeyringPlace(c profiles.Chain, stateDir string) KeyPlace {
	keys := &Keys{cmp.Or(r.Keyring, new(keyring.Keyring)).Secrets(keysService, keysLabel)}
	return &keyringPlace{chain: c, keys: keys, stateDir: stateDir}
}

type keyringPlace struct {
	chain    profiles.Chain
	keys     *Keys
	stateDir string
	stored   time.Time // when Replace has stored the key
}

func (p *keyringPlace) config() string  { return profiles.FileID(p.chain.ConfigPath) }
func (p *keyringPlace) profile() string { return p.chain.Source.Profile }

func (p *keyringPlace) Read(ctx context.Context) (profiles.AccessKey, error) {
	k, err := p.get(ctx)
	return profiles.AccessKey{ID: k.AccessKeyID, Secret: k.SecretAccessKey}, err
}

func (p *keyringPlace) get(ctx context.Context) (profiles.Keys, error) {
	k, err := p.keys.Get(ctx, p.config(), p.profile())
	if err != nil {
		return profiles.Keys{}, p.error(err)
	}
	return k, nil
}

// error returns the error for a keyring that cannot be used.
func (p *keyringPlace) error(err error) error {
	e := keyringError(p.chain, err)
	if errors.Is(err, keyring.ErrLocked) && !errors.Is(err, keyring.ErrAsksForAccess) {
		e.Hint = "unlock the keyring"
	}
	return e
}

// Replace records both keys, so that get accepts either: the keyring may lose the new one until it
// is on disk.
func (p *keyringPlace) Replace(ctx context.Context, old, key profiles.AccessKey) error {
	k, err := p.get(ctx)
	if err != nil {
		return err
	}
	if k.AccessKeyID != old.ID || k.SecretAccessKey != old.Secret {
		return errKeyChanged(p.profile())
	}
	if err := p.record(old.ID, key.ID); err != nil {
		return err
	}
	if err := p.keys.Set(ctx, p.config(), p.profile(), k.With(key)); err != nil {
		return p.error(err)
	}
	p.stored = time.Now()
	return p.record(key.ID, old.ID)
}

// record writes the record of the import. other is a key that the keyring may have in the place of
// the one with this ID, "" for none.
func (p *keyringPlace) record(id, other string) error {
	err := statedir.WriteImported(p.stateDir, statedir.Imported{
		Profile: p.profile(), Config: p.config(), AccessKeyID: id, OtherAccessKeyID: other,
	})
	if err != nil {
		return &diag.Error{Profile: p.profile(), Err: err, Flags: diag.Local}
	}
	return nil
}

// IsOnDisk stores the key and the record again if an earlier process has stored the key: that
// process may have been killed before the record was complete or the key was on disk. It fails if
// the place has the old key again.
func (p *keyringPlace) IsOnDisk(ctx context.Context, old string, wasRead bool) (bool, error) {
	k, err := p.get(ctx)
	if err != nil {
		return false, err
	}
	if k.AccessKeyID == old {
		return false, errKeyChanged(p.profile())
	}
	if wasRead {
		return true, p.record(k.AccessKeyID, "")
	}
	if p.stored.IsZero() {
		if err := p.record(k.AccessKeyID, old); err != nil {
			return false, err
		}
		if err := p.keys.Set(ctx, p.config(), p.profile(), k); err != nil {
			return false, p.error(err)
		}
		p.stored = time.Now()
	}
	isOnDisk, err := p.keys.WaitWritten(ctx, p.config(), p.profile(), k, p.stored)
	if err != nil {
		return false, p.error(err)
	}
	if !isOnDisk {
		return false, nil
	}
	return true, p.record(k.AccessKeyID, "")
}
