package credproc

import (
	"context"
	"errors"
	"time"

	"aws-credproc/cache"
	"aws-credproc/credproc/plan"
	"aws-credproc/internal/diag"
	"aws-credproc/profiles"
)

// freshCode is the age up to which an MFA code counts as new: another code would not help.
const freshCode = time.Minute

// errTemporary means that the source has temporary credentials, which GetSessionToken refuses.
var errTemporary = errors.New("GetSessionToken does not accept temporary credentials")

// assumeRole assumes the role of link n with the session after the link before it.
func (r *resolution) assumeRole(ctx context.Context, n int) (cache.Session, error) {
	l, before := r.plan.Links[n], r.plan.Links[n-1]
	if l.Role.MFASerial != "" && !before.IsSessionToken() {
		return r.assumeRoleWithCode(ctx, n)
	}
	caller, err := r.session(ctx, n-1, plan.IsSource)
	if errors.Is(err, errTemporary) {
		return r.assumeRoleWithCode(ctx, n)
	}
	if err != nil {
		return cache.Session{}, err
	}
	client, err := r.sts()
	if err != nil {
		return cache.Session{}, err
	}
	s, err := client.assumeRole(ctx, caller, *l.Role, nil)
	if err == nil {
		return s, nil
	}
	failure := client.explain(err, callOf(r.plan, n, caller))
	if before.IsSessionToken() && isDenial(err) && r.Now().Sub(caller.Issued) > freshCode {
		// The role's trust policy may limit the age of the code.
		if r.mfa.canAsk(ctx) {
			r.Tracef("%v; trying once more, with a new code", failure)
			return r.assumeRoleWithCode(ctx, n)
		}
		failure.Hint += "; if the trust policy limits aws:MultiFactorAuthAge, " +
			"run aws-credproc refresh --mfa " + profiles.Argument(r.plan.Chain.Profile.Name)
	}
	return cache.Session{}, failure
}

// sessionToken exchanges the user's keys, and a code if there is an MFA device, for the session that
// is used for every role of the user.
func (r *resolution) sessionToken(ctx context.Context) (cache.Session, error) {
	keys, err := r.session(ctx, 0, plan.IsSource)
	if err != nil {
		return cache.Session{}, err
	}
	if keys.SessionToken != "" {
		return cache.Session{}, &diag.Error{
			Profile: r.plan.Chain.Profile.Name, Where: r.plan.Links[1].String(),
			Err: errTemporary, Flags: diag.Local,
		}
	}
	if r.plan.Chain.MFA.Serial == "" {
		client, err := r.sts()
		if err != nil {
			return cache.Session{}, err
		}
		s, err := client.getSessionToken(ctx, keys, r.plan.Chain.MFA, "")
		if err != nil {
			return cache.Session{}, client.explain(err, callOf(r.plan, 1, keys))
		}
		return s, nil
	}
	return r.withCode(ctx, 1, keys, func(client *stsClient, code string) (cache.Session, error) {
		return client.getSessionToken(ctx, keys, r.plan.Chain.MFA, code)
	})
}

// assumeRoleWithCode assumes the role of link n with a code and the source's own credentials.
func (r *resolution) assumeRoleWithCode(ctx context.Context, n int) (cache.Session, error) {
	keys, err := r.session(ctx, 0, plan.IsSource)
	if err != nil {
		return cache.Session{}, err
	}
	return r.withCode(ctx, n, keys, func(client *stsClient, code string) (cache.Session, error) {
		return client.assumeRole(ctx, keys, *r.plan.Links[n].Role, &code)
	})
}
