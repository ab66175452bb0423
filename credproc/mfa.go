package credproc

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/smithy-go"

	"aws-credproc/cache"
	"aws-credproc/credproc/mfa"
	"aws-credproc/credproc/plan"
	"aws-credproc/internal/diag"
	"aws-credproc/profiles"
)

// TokenCodes returns the codes of MFA devices.
type TokenCodes interface {
	// CanAsk returns nil if Code has someone or something to ask, and otherwise the error that
	// Code would return. It does not ask.
	CanAsk(ctx context.Context, d mfa.Device) error
	// Code returns a code. previous is nil the first time. Later it is why STS refused the code
	// before, and wraps [mfa.ErrRefused]. If another code would not help either, the error is
	// previous.
	Code(ctx context.Context, d mfa.Device, previous error) (mfa.Code, error)
}

// mfaCodes gets the codes of a chain's MFA device.
type mfaCodes struct {
	chain profiles.Chain
	codes TokenCodes // may be nil
}

// device returns the device and what its code is used for.
func (m mfaCodes) device() mfa.Device {
	d := mfa.Device{
		Serial: m.chain.MFA.Serial, Profile: m.chain.Profile.Name, Process: m.chain.MFA.Process,
		Chain: strings.Join(chainOfProfiles(m.chain), " "),
	}
	if hops := m.chain.Hops; len(hops) > 0 {
		d.RoleARN = hops[len(hops)-1].RoleARN
	}
	return d
}

// canAsk reports whether a code can be obtained now.
func (m mfaCodes) canAsk(ctx context.Context) bool {
	return m.chain.MFA.Serial != "" && m.codes != nil && m.codes.CanAsk(ctx, m.device()) == nil
}

// code returns a code for a step of the chain. The error is refused if STS refused the code before
// and another one would not help.
func (m mfaCodes) code(ctx context.Context, step string, refused error) (mfa.Code, error) {
	code, err := mfa.Code{}, mfa.ErrCannotAsk
	if m.codes != nil {
		code, err = m.codes.Code(ctx, m.device(), refused)
	}
	if err == nil || refused != nil && errors.Is(err, mfa.ErrRefused) {
		return code, err
	}
	e := &diag.Error{
		Profile: m.chain.Profile.Name, Where: step, Err: err,
		Hint: "run aws-credproc refresh " + profiles.Argument(m.chain.Profile.Name),
	}
	switch {
	case errors.Is(err, mfa.ErrCannotAsk):
		e.Flags |= diag.NeedsUser
		e.Where = "" // Err names the device
		e.Err = fmt.Errorf("MFA code required for %s, but %w", m.chain.MFA.Serial, err)
		e.Hint += " at a terminal"
	case errors.Is(err, context.DeadlineExceeded):
		e.Flags |= diag.Temporary
		e.Hint += ", or use a longer --timeout"
	case errors.Is(err, mfa.ErrCancelled):
		e.Flags |= diag.Temporary // the user may answer later
	default:
		e.Hint = ""
	}
	return mfa.Code{}, e
}

// needsCode reports whether a new last session needs an MFA code. It does not need one while the
// session for which a code was exchanged is valid.
func (r *resolution) needsCode() bool {
	if r.plan.Chain.MFA.Serial == "" || len(r.plan.Links) == 1 {
		return false
	}
	if r.plan.Last() == 1 || !r.plan.Links[1].IsSessionToken() {
		return true
	}
	f, err := r.Cache.FactsOf(r.plan.Key(1))
	s := cache.Session{Issued: f.Created, Expiration: f.Expires}
	return err != nil || !plan.IsSource(s, r.Now())
}

// newCode replaces the session of link n, which a code is exchanged for, unless this Resolver has
// already done so.
func (r *resolution) newCode(ctx context.Context, n int) error {
	key := r.plan.Key(n)
	err, done := r.newCodes[key]
	if !done {
		_, err = r.obtain(ctx, n, nil, cache.Session{})
		if r.newCodes == nil {
			r.newCodes = map[cache.Key]error{}
		}
		r.newCodes[key] = err
	}
	return err
}

// withCode gets a code for link n and calls STS with it. One process at a time does so for a
// device: AWS accepts a code once, and the user is asked one question at a time.
func (r *resolution) withCode(
	ctx context.Context, n int, keys cache.Session,
	call func(client *stsClient, code string) (cache.Session, error),
) (cache.Session, error) {
	client, err := r.sts()
	if err != nil {
		return cache.Session{}, err
	}
	lock := cache.Key(sha256.Sum256([]byte("MFA device " + r.plan.Chain.MFA.Serial)))
	done := r.waitingForProcess() // which may ask for a code
	unlock, err := r.Cache.Lock(ctx, lock, nil)
	done()
	if err != nil {
		return cache.Session{}, lockError(r.plan, n, err)
	}
	defer unlock()
	var refused error
	var failure *diag.Error
	for {
		code, err := r.mfa.code(ctx, r.plan.Links[n].String(), refused)
		if errors.Is(err, mfa.ErrRefused) {
			return cache.Session{}, failure
		}
		if err != nil {
			return cache.Session{}, err
		}
		s, err := call(client, string(code.Secret))
		if err == nil {
			return s, nil
		}
		failure = client.explain(err, callOf(r.plan, n, keys))
		if !isCodeRefused(err) {
			return cache.Session{}, failure
		}
		refused = fmt.Errorf("%w: %w", mfa.ErrRefused, failure.Err)
	}
}

// isDenial reports whether STS denied a call, for any reason.
func isDenial(err error) bool {
	var api smithy.APIError
	return errors.As(err, &api) &&
		(api.ErrorCode() == "AccessDenied" || api.ErrorCode() == "AccessDeniedException")
}

// isCodeRefused reports whether a call failed only because of its code: mistyped, already used, or
// expired. STS's error code for it is AccessDenied.
func isCodeRefused(err error) bool {
	var api smithy.APIError
	return errors.As(err, &api) &&
		strings.Contains(api.ErrorMessage(), "invalid MFA one time pass code")
}
