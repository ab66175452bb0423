package mfa

import (
	"context"
	"errors"
	"fmt"
	"time"

	"aws-credproc/cache/keyring"
	"aws-credproc/cache/statedir"
	"aws-credproc/internal/diag"
)

// seedService is the service of the seeds' keyring items; the user name is the serial number of the
// device. It differs from that of the sessions, which "clear --all" deletes.
const seedService = "aws-credproc-mfa"

// Errors of [Seeds]. Other errors are failures of the keyring, see [keyring.ErrLocked], or of the
// state directory.
var (
	ErrNoSeed     = errors.New("no TOTP seed of this MFA device is in the keyring")
	ErrSeedExists = errors.New("a TOTP seed of this MFA device is already in the keyring")
)

// Seeds are the TOTP seeds in the keyring. A code is used only once, by one process: the state
// directory has the time step of the last code.
type Seeds struct {
	secrets *keyring.Secrets
	dir     string
	now     func() time.Time
}

// NewSeeds returns the seeds of this user. dir is the state directory.
func NewSeeds(dir string, now func() time.Time) *Seeds {
	return &Seeds{keyring.NewSecrets(seedService, "MFA device"), dir, now}
}

// CanAdd returns nil if the keyring is available and has no seed of the device. Otherwise it
// returns the error that Add would return.
func (s *Seeds) CanAdd(ctx context.Context, serial string) error {
	switch _, err := s.get(ctx, serial); {
	case err == nil:
		return ErrSeedExists
	case !errors.Is(err, ErrNoSeed):
		return err
	}
	return nil
}

// Has reports whether the keyring has a seed of the device.
func (s *Seeds) Has(ctx context.Context, serial string) (bool, error) {
	_, err := s.get(ctx, serial)
	if errors.Is(err, ErrNoSeed) {
		return false, nil
	}
	return err == nil, err
}

// seedsLock is the name of the lock for adding seeds.
const seedsLock = "mfa-seeds"

// addLimit is how long Add waits for another process that adds a seed.
const addLimit = 20 * time.Second

// Add stores a seed and checks that it can be read. It does not replace a seed: the error is then
// [ErrSeedExists].
func (s *Seeds) Add(ctx context.Context, serial string, seed Seed) error {
	limited, cancel := context.WithTimeoutCause(ctx, addLimit,
		fmt.Errorf("it is still adding a seed after %v", addLimit))
	defer cancel()
	unlock, err := statedir.Lock(limited, s.dir, seedsLock)
	if err != nil {
		return err
	}
	defer unlock()
	if err := s.CanAdd(ctx, serial); err != nil {
		return err
	}
	if err := s.secrets.Set(ctx, serial, string(seed.Secret)); err != nil {
		return err
	}
	switch stored, err := s.get(ctx, serial); {
	case err != nil:
		return fmt.Errorf("the seed was stored, but cannot be read: %w", err)
	case stored != seed:
		return errors.New("the seed was stored, but the keyring returns another one")
	}
	return nil
}

// WaitWritten waits until the keyring has written a seed to disk, which Add had stored before the
// time: see [keyring.Keyring.WaitWritten].
func (s *Seeds) WaitWritten(
	ctx context.Context, serial string, seed Seed, added time.Time,
) (bool, error) {
	return s.secrets.WaitWritten(ctx, serial, string(seed.Secret), added)
}

// Remove deletes a seed. The error is [ErrNoSeed] if there is none.
func (s *Seeds) Remove(ctx context.Context, serial string) error {
	err := s.secrets.Delete(ctx, serial)
	if errors.Is(err, keyring.ErrNotFound) {
		return ErrNoSeed
	}
	return err
}

func (s *Seeds) get(ctx context.Context, serial string) (Seed, error) {
	text, err := s.secrets.Get(ctx, serial)
	if errors.Is(err, keyring.ErrNotFound) {
		return Seed{}, ErrNoSeed
	}
	if err != nil {
		return Seed{}, err
	}
	seed, err := ParseSeed(text)
	if err != nil {
		return Seed{}, fmt.Errorf("in the keyring: %w", err)
	}
	return seed, nil
}

// Code returns a code that was not returned before: the current one or the next one. It calls
// waiting before it waits. If the next code comes after ctx's deadline, it fails immediately.
func (s *Seeds) Code(
	ctx context.Context, serial string, waiting func(time.Duration),
) (Code, error) {
	seed, err := s.get(ctx, serial)
	if err != nil {
		return Code{}, err
	}
	return s.next(ctx, serial, seed, waiting)
}

func (s *Seeds) next(
	ctx context.Context, serial string, seed Seed, waiting func(time.Duration),
) (Code, error) {
	for {
		step, claimed, err := s.claim(ctx, serial)
		if err != nil {
			return Code{}, err
		}
		if claimed {
			return seed.code(step)
		}
		if err := awaitStep(ctx, s.now, step, waiting); err != nil {
			return Code{}, err
		}
	}
}

// claim claims the current time step for this process. If its code is already used, claimed is
// false and step is the next one that may be claimed.
func (s *Seeds) claim(ctx context.Context, serial string) (step int64, claimed bool, err error) {
	step = stepOf(s.now())
	err = statedir.Count(ctx, s.dir, serial, func(last int64) int64 {
		// A step further ahead was claimed before the clock was set back.
		if last == step || last == step+1 {
			step = last + 1
			return last
		}
		claimed = true
		return step
	})
	if err != nil {
		return 0, false, fmt.Errorf("check whether the MFA code is already used: %w", err)
	}
	return step, claimed, nil
}

// awaitStep waits for the start of a time step. If that is after ctx's deadline, it fails
// immediately.
func awaitStep(
	ctx context.Context, now func() time.Time, step int64, waiting func(time.Duration),
) error {
	wait := untilStep(now(), step)
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < wait {
		return diag.Reword(fmt.Sprintf("the current MFA code is already used, and the next one comes "+
			"in %s, after the time allowed", seconds(wait)), context.DeadlineExceeded)
	}
	waiting(seconds(wait))
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		if cause := context.Cause(ctx); errors.Is(cause, context.DeadlineExceeded) {
			return diag.Reword("the next MFA code did not come within the time allowed", cause)
		}
		return diag.Reword("interrupted while waiting for the next MFA code", errInterrupted)
	}
}

// seconds rounds up to seconds.
func seconds(d time.Duration) time.Duration {
	return (d + time.Second - 1).Truncate(time.Second)
}
