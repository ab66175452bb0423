package doctor

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"aws-credproc/credproc"
	"aws-credproc/internal/diag"
	"aws-credproc/profiles"
)

const whyUnreachable = "no role can be assumed, and no session renewed"

// stsProxy finds a proxy through which STS cannot be reached.
func stsProxy(x *examination) (found []Finding) {
	for _, e := range x.sts.endpoints {
		if e.err == nil || e.Proxy == "" || errors.Is(e.err, credproc.ErrUnknownRegion) {
			continue
		}
		host, variable := e.URL, "HTTPS_PROXY"
		if u, err := url.Parse(e.URL); err == nil {
			host = u.Hostname()
			if u.Scheme == "http" {
				variable = "HTTP_PROXY"
			}
		}
		if lower := strings.ToLower(variable); x.env.get(variable) == "" && x.env.get(lower) != "" {
			variable = lower
		}
		found = append(found, Finding{
			Severity: Error, Where: variable,
			What: fmt.Sprintf("cannot reach %s through the proxy %s: %s", e.URL, e.Proxy, cause(e.err)),
			Why:  whyUnreachable,
			Fix: write("correct the proxy's address, or bypass the proxy for STS",
				x.sh.export("NO_PROXY", host)),
		})
	}
	return found
}

// stsUnreachable finds an STS endpoint that cannot be reached.
func stsUnreachable(x *examination) (found []Finding) {
	for _, e := range x.sts.endpoints {
		if e.err == nil || e.Proxy != "" || errors.Is(e.err, credproc.ErrUnknownRegion) {
			continue
		}
		what := fmt.Sprintf("cannot reach STS at %s: %s", e.URL, cause(e.err))
		if e.URL == "" {
			what = "these settings have no STS endpoint: " + cause(e.err)
		}
		found = append(found, Finding{
			Severity: Error, What: what, Why: whyUnreachable,
			Fix: cmp.Or(diag.Hint(e.err), "check the network and the endpoint"),
		})
	}
	return found
}

// A clock that is off by more than clockWarning makes sessions appear valid for too long or too
// short; by more than clockError, AWS refuses signatures.
const (
	clockWarning = time.Minute
	clockError   = 5 * time.Minute
)

// clock finds a clock that is off.
func clock(x *examination) (found []Finding) {
	for _, e := range x.sts.endpoints {
		if e.err != nil || e.Ahead.Abs() < clockWarning {
			continue
		}
		f := Finding{
			Severity: Warning,
			What:     "this machine's clock " + clockOffset(e.Ahead) + ", compared with " + e.URL,
			Why:      "sessions are used after they have expired, or renewed too early",
			Fix:      run("sudo timedatectl set-ntp true"),
		}
		if e.Ahead.Abs() >= clockError {
			f.Severity = Error
			f.Why = "AWS refuses requests that are more than five minutes off (SignatureDoesNotMatch)"
		}
		switch x.sh.goos {
		case "darwin":
			f.Fix = run("sudo sntp -sS time.apple.com")
		case "windows":
			f.Fix = run("w32tm /resync")
		}
		found = append(found, f)
	}
	return found
}

// clockOffset describes how far this machine's clock is ahead. It was compared with an HTTP Date,
// which has whole seconds.
func clockOffset(ahead time.Duration) string {
	off := ahead.Round(time.Second)
	text := off.Abs().String()
	if minutes, ok := strings.CutSuffix(text, "m0s"); ok {
		text = minutes + "m"
	}
	switch {
	case off.Abs() <= time.Second:
		return "is correct"
	case off < 0:
		return "is " + text + " behind"
	}
	return "is " + text + " ahead"
}

// caller finds sources that have no credentials, or that STS refuses.
func caller(x *examination) (found []Finding) {
	for _, e := range x.sts.endpoints {
		for _, s := range e.sources {
			if s.err != nil {
				const why = "no role can be assumed with these credentials"
				found = append(found, x.failedCall(s.profile, why, s.err))
			}
		}
	}
	return found
}

// assumeRole finds roles that cannot be assumed. One that requires an MFA code was not tried.
func assumeRole(x *examination) (found []Finding) {
	for _, e := range x.sts.endpoints {
		for _, r := range e.roles {
			if r.err != nil && !needsUser(r.err) {
				found = append(found, x.failedCall(r.profile, "the profile has no credentials", r.err))
			}
		}
	}
	return found
}

// failedCall reports a call that failed. It is a warning if only the user needs to act.
func (x *examination) failedCall(profile, why string, err error) Finding {
	var e *diag.Error
	if !errors.As(err, &e) {
		e = &diag.Error{Err: err}
	}
	f := Finding{
		Severity: Error, Profile: profile, Where: x.config.place(x.config.sections[profile], ""),
		What: strings.TrimPrefix(e.Where+": "+e.What(), ": "), Why: why,
		Fix: cmp.Or(e.Hint, run("aws-credproc explain "+profiles.Argument(profile))),
	}
	if needsUser(err) {
		f.Severity = Warning
	}
	if signIn := credproc.SignInCommand(err); signIn != nil {
		f.Fix = run(strings.Join(signIn, " "))
	}
	return f
}

// needsUser reports whether a call failed because only the user can continue.
func needsUser(err error) bool { return diag.Has(err, diag.NeedsUser) }
