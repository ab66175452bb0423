package mfa

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"aws-credproc/cache/keyring"
	"aws-credproc/internal/diag"
)

// Provider provides MFA codes. Its fields must not change after the first call. Stderr and Seeds
// may be nil.
type Provider struct {
	Mode   Mode
	Dir    string // the state directory, for locks
	Getenv func(string) string
	Now    func() time.Time
	Seeds  *Seeds
	// Stderr receives the stderr of mfa_process if there is no terminal: limited in size, without
	// control characters.
	Stderr io.Writer
	Warnf  func(format string, args ...any) // messages for the user if there is no terminal
	Tracef func(format string, args ...any) // steps, for --verbose; never a secret

	mu      sync.Mutex
	refused map[Device]int // number of refused codes in a row
}

// How many more codes are tried after STS refused one: it may have been mistyped or already used.
const (
	userRetries    = 3
	machineRetries = 1
)

// Code returns a code. previous is nil in the first call. In later calls it is the error with which
// STS refused the previous code: it wraps [ErrRefused], and its text is shown to the user. If
// another code would not help, Code returns previous. The caller should hold a lock for the device,
// so that only one process asks.
func (p *Provider) Code(ctx context.Context, d Device, previous error) (Code, error) {
	refused := p.countRefused(d, previous)
	if p.usesProcess(d) {
		if refused > machineRetries {
			return Code{}, previous
		}
		return p.runProcess(ctx, d, previous)
	}
	seed, seedErr := p.seed(ctx, d)
	if seedErr == nil {
		if refused > machineRetries {
			return Code{}, previous
		}
		p.Tracef("MFA code of %s: from the seed in the keyring", d.Serial)
		return p.Seeds.next(ctx, d.Serial, seed, func(wait time.Duration) { p.reportWait(d, wait) })
	}
	if refused > userRetries {
		return Code{}, previous
	}
	ask, err := p.prompt(d)
	if err != nil {
		return Code{}, cannotAsk(err, seedErr)
	}
	note := ""
	if previous != nil {
		note = previous.Error() + "\n"
	}
	defer p.recordPrompt(d.Serial)()
	return askForCode(ctx, note, ask)
}

// CanAsk returns nil if Code has a way to get a code, and otherwise the error that Code would
// return. It does not ask the user.
func (p *Provider) CanAsk(ctx context.Context, d Device) error {
	if p.usesProcess(d) {
		return nil
	}
	_, seedErr := p.seed(ctx, d)
	if seedErr == nil {
		return nil
	}
	if _, err := p.prompt(d); err != nil {
		return cannotAsk(err, seedErr)
	}
	return nil
}

// countRefused updates and returns the number of refused codes in a row.
func (p *Provider) countRefused(d Device, previous error) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.refused == nil {
		p.refused = map[Device]int{}
	}
	if previous == nil {
		p.refused[d] = 0
	} else {
		p.refused[d]++
	}
	return p.refused[d]
}

// seed returns the device's seed. The error is [ErrNoSeed], or a failure of the keyring.
func (p *Provider) seed(ctx context.Context, d Device) (Seed, error) {
	if p.Seeds == nil {
		return Seed{}, ErrNoSeed
	}
	seed, err := p.Seeds.get(ctx, d.Serial)
	if err != nil {
		p.Tracef("MFA device %s: %v", d.Serial, err)
	}
	return seed, err
}

// cannotAsk returns an [ErrCannotAsk] with the reason. It also mentions seedErr if there is a
// keyring and it failed.
func cannotAsk(reason, seedErr error) error {
	if !errors.Is(seedErr, ErrNoSeed) && !errors.Is(seedErr, keyring.ErrUnavailable) {
		reason = fmt.Errorf("%w; cannot look up a TOTP seed: %w", reason, seedErr)
	}
	return diag.Reword(reason.Error(), errors.Join(ErrCannotAsk, reason))
}
