package credproc

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/smithy-go"

	"aws-credproc/cache"
	"aws-credproc/credproc/mfa"
	"aws-credproc/credproc/plan"
	"aws-credproc/internal/diag"
	"aws-credproc/profiles"
)

// TokenCodes gets the codes of MFA devices.
type TokenCodes interface {
	// CanAsk is nil if Code has somebody or something to ask, else the error that it would give. It asks nobody.
	CanAsk(ctx context.Context, d mfa.Device) error
	// Code gets one. previous is nil the first time, else why the code before was of no use, which wraps
	// [mfa.ErrRefused]; where another one would be of no use either, the error is previous again.
	Code(ctx context.Context, d mfa.Device, previous error) (mfa.Code, error)
}

// freshCode is how old a code may be where asking for another would change nothing.
const freshCode = time.Minute

// errTemporary says that the source's credentials are a session's, so that there can be none for an MFA device.
var errTemporary = errors.New("the source's credentials are temporary")

// canAsk reports whether a code of the chain's MFA device could be got now.
func (w *way) canAsk(ctx context.Context) bool {
	return w.plan.Chain.MFA.Serial != "" && w.TokenCodes != nil && w.TokenCodes.CanAsk(ctx, w.device()) == nil
}

// needsPerson reports whether getting the chain's last session anew takes a code. A session that a code was turned into
// does instead of one.
func (w *way) needsPerson() bool {
	if w.plan.Chain.MFA.Serial == "" || len(w.plan.Links) == 1 {
		return false
	}
	if w.plan.Last() == 1 || !w.plan.Links[1].IsSessionToken() {
		return true
	}
	f, err := w.Cache.FactsOf(w.plan.Key(1))
	return err != nil || !plan.IsSource(cache.Session{Issued: f.Created, Expiration: f.Expires}, w.Now())
}

// sessionToken turns a code into the session that serves every role of the source's user.
func (w *way) sessionToken(ctx context.Context) (cache.Session, error) {
	source, err := w.session(ctx, 0, plan.IsSource)
	if err != nil {
		return cache.Session{}, err
	}
	if source.SessionToken != "" {
		return cache.Session{}, &diag.Error{Profile: w.plan.Chain.Profile.Name, Where: w.plan.Links[1].String(), Err: errTemporary, Flags: diag.Local}
	}
	return w.withCode(ctx, 1, source, func(client *stsClient, code string) (cache.Session, error) {
		return client.getSessionToken(ctx, source, w.plan.Chain.MFA, code)
	})
}

// assumeRoleWithCode assumes the role of link n with a code and the source's own credentials.
func (w *way) assumeRoleWithCode(ctx context.Context, n int) (cache.Session, error) {
	source, err := w.session(ctx, 0, plan.IsSource)
	if err != nil {
		return cache.Session{}, err
	}
	return w.withCode(ctx, n, source, func(client *stsClient, code string) (cache.Session, error) {
		return client.assumeRole(ctx, source, *w.plan.Links[n].Role, &code)
	})
}

// newCode gets the session of link n anew, with a code that is asked for, unless this Resolver has done so before.
func (w *way) newCode(ctx context.Context, n int) error {
	key := w.plan.Key(n)
	err, done := w.newCodes[key]
	if !done {
		_, err = w.obtain(ctx, n, nil, cache.Session{})
		if w.newCodes == nil {
			w.newCodes = map[cache.Key]error{}
		}
		w.newCodes[key] = err
	}
	return err
}

// withCode asks for a code and calls STS with it, for link n. Of all processes one does so at a time for one device: AWS
// takes a code once, and a person is asked one thing at a time.
func (w *way) withCode(ctx context.Context, n int, source cache.Session, call func(*stsClient, string) (cache.Session, error)) (cache.Session, error) {
	client, err := w.sts()
	if err != nil {
		return cache.Session{}, err
	}
	unlock, err := w.Cache.Lock(ctx, cache.Key(sha256.Sum256([]byte("MFA device "+w.plan.Chain.MFA.Serial))), nil)
	if err != nil {
		return cache.Session{}, w.lockError(n, err)
	}
	defer unlock()
	var refused error
	var failure *diag.Error
	for {
		code, err := w.tokenCode(ctx, n, refused)
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
		failure = client.explainFailure(err, w, n, source)
		if !isCodeRefused(err) {
			return cache.Session{}, failure
		}
		refused = fmt.Errorf("%w: %w", mfa.ErrRefused, failure.Err)
	}
}

// tokenCode asks for a code. [mfa.ErrRefused] says that there is none which could be better than the one before.
func (w *way) tokenCode(ctx context.Context, n int, refused error) (mfa.Code, error) {
	code, err := mfa.Code{}, error(mfa.ErrNobody)
	if w.TokenCodes != nil {
		code, err = w.TokenCodes.Code(ctx, w.device(), refused)
	}
	if err == nil || refused != nil && errors.Is(err, mfa.ErrRefused) {
		return code, err
	}
	e := &diag.Error{Profile: w.plan.Chain.Profile.Name, Where: w.plan.Links[n].String(), Err: err, Hint: "run aws-credproc refresh " + profiles.Argument(w.plan.Chain.Profile.Name)}
	switch {
	case errors.Is(err, mfa.ErrNobody):
		e.Flags |= diag.NeedsUser
		e.Err = fmt.Errorf("it wants a code of the MFA device %s: %w", w.plan.Chain.MFA.Serial, err)
		e.Hint += " at a terminal"
	case errors.Is(err, context.DeadlineExceeded):
		e.Flags |= diag.Temporary
		e.Hint += ", or allow more with --timeout"
	case errors.Is(err, mfa.ErrCancelled):
		e.Flags |= diag.Temporary // what a person does not want now they may want later: meanwhile the session before may do
	default:
		e.Hint = ""
	}
	return mfa.Code{}, e
}

// device is what a code is asked for, and for what.
func (w *way) device() mfa.Device {
	d := mfa.Device{
		Serial: w.plan.Chain.MFA.Serial, Profile: w.plan.Chain.Profile.Name, Process: w.plan.Chain.MFA.Process,
		Way: strings.Join(w.passed(), " "),
	}
	if hops := w.plan.Chain.Hops; len(hops) > 0 {
		d.RoleARN = hops[len(hops)-1].RoleARN
	}
	return d
}

// isDenial reports whether STS denied a call, for whatever reason.
func isDenial(err error) bool {
	var api smithy.APIError
	return errors.As(err, &api) && (api.ErrorCode() == "AccessDenied" || api.ErrorCode() == "AccessDeniedException")
}

// isCodeRefused reports whether a call failed for its code alone: it was mistyped, or used before, or is of another moment.
// STS's code for it is AccessDenied.
func isCodeRefused(err error) bool {
	var api smithy.APIError
	return errors.As(err, &api) && strings.Contains(api.ErrorMessage(), "invalid MFA one time pass code")
}
