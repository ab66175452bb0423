package mfa

import (
	"aws-credproc/cache/keyring"
	"aws-credproc/cache/statedir"
	"context"
	"errors"
	"fmt"
	"time"
)

// seedService is the service of the seeds' keyring items; the user name is the device's serial. It is not that of the
// sessions, of which everything is deleted by `clear --all`.
const seedService = "aws-credproc-mfa"

var (
	// ErrNoSeed: there is no seed of the device in the keyring.
	ErrNoSeed = errors.New("no TOTP seed of this MFA device is in the keyring")
	// ErrSeedThere: there is one already.
	ErrSeedThere = errors.New("a TOTP seed of this MFA device is in the keyring already")
)

// Seeds are the TOTP seeds of MFA devices, in the operating system's keyring. Each code is given out once, whichever
// process asks: the state directory remembers the last time step. Other errors than those named are failures of the
// keyring, see [keyring.ErrLocked] and its like, or of the state directory.
type Seeds struct {
	secrets *keyring.Secrets
	dir     string
	now     func() time.Time
}

// NewSeeds gives the seeds of this user. dir is the state directory.
func NewSeeds(dir string, now func() time.Time) *Seeds {
	return &Seeds{keyring.NewSecrets(seedService, "MFA device"), dir, now}
}

// CanAdd is nil if Add would find no seed and a keyring that answers, else the error that it would give.
func (s *Seeds) CanAdd(ctx context.Context, serial string) error {
	switch _, err := s.get(ctx, serial); {
	case err == nil:
		return ErrSeedThere
	case !errors.Is(err, ErrNoSeed):
		return err
	}
	return nil
}

// seedsLock is the name of the lock under which a seed is added.
const seedsLock = "mfa-seeds"

// addPatience is how long others may take to add a seed, of which each step is bounded: one that is stopped in the midst of
// it holds nobody up for good.
const addPatience = 20 * time.Second

// Add keeps a seed, and makes sure that it can be read. One that is there stays: ErrSeedThere. Of many that are added in the
// same moment, the first is.
func (s *Seeds) Add(ctx context.Context, serial string, seed Seed) error {
	brief, cancel := context.WithTimeoutCause(ctx, addPatience, fmt.Errorf("it adds a seed, and is not done after %v", addPatience))
	defer cancel()
	unlock, err := statedir.Lock(brief, s.dir, seedsLock)
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
	switch kept, err := s.get(ctx, serial); {
	case err != nil:
		return fmt.Errorf("the seed was kept, and cannot be read: %w", err)
	case kept != seed:
		return errors.New("the seed was kept, and another one is read")
	}
	return nil
}

// Remove forgets a seed: ErrNoSeed if there is none.
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

// Code gives a code that was not given out before: that of now, else the next, of which waiting is told first. Where
// ctx's deadline is before that, it does not wait.
func (s *Seeds) Code(ctx context.Context, serial string, waiting func(time.Duration)) (Code, error) {
	seed, err := s.get(ctx, serial)
	if err != nil {
		return Code{}, err
	}
	return s.next(ctx, serial, seed, waiting)
}

func (s *Seeds) next(ctx context.Context, serial string, seed Seed, waiting func(time.Duration)) (Code, error) {
	for {
		step, free, err := s.claim(ctx, serial)
		if err != nil {
			return Code{}, err
		}
		if free {
			return seed.code(step)
		}
		if err := awaitStep(ctx, s.now, step, waiting); err != nil {
			return Code{}, err
		}
	}
}

// claim takes the time step of now for this process, if its code is free; else step is the next one that may be.
func (s *Seeds) claim(ctx context.Context, serial string) (step int64, free bool, err error) {
	step = stepOf(s.now())
	err = statedir.Count(ctx, s.dir, serial, func(last int64) int64 {
		// One that is further ahead was noted before the clock was set back.
		if last == step || last == step+1 {
			step = last + 1
			return last
		}
		free = true
		return step
	})
	if err != nil {
		return 0, false, fmt.Errorf("which code was used last: %w", err)
	}
	return step, free, nil
}

// awaitStep waits until a time step begins. Where that is after ctx's deadline, it says so at once.
func awaitStep(ctx context.Context, now func() time.Time, step int64, waiting func(time.Duration)) error {
	wait := untilStep(now(), step)
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < wait {
		return worded{fmt.Sprintf("the MFA code of now is used already, and the next one comes in %s, after the time allowed", seconds(wait)), context.DeadlineExceeded}
	}
	waiting(seconds(wait))
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		if cause := context.Cause(ctx); errors.Is(cause, context.DeadlineExceeded) {
			return worded{"the next MFA code did not come within the time allowed", cause}
		}
		return worded{"interrupted while waiting for the next MFA code", errInterrupted}
	}
}

// seconds rounds up: 0s is no time to wait.
func seconds(d time.Duration) time.Duration {
	return (d + time.Second - 1).Truncate(time.Second)
}
