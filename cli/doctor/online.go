package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"aws-credproc/cache"
	"aws-credproc/credproc"
	"aws-credproc/internal/diag"
	"aws-credproc/profiles"
)

// stsSeen is what was found out about one endpoint of STS.
type stsSeen struct {
	credproc.Reached
	err     error
	sources []askedSource
	roles   []triedRole
}

// askedSource is what STS said of the credentials that chains start with.
type askedSource struct {
	profile string
	arn     string
	err     error
}

// triedRole is what came of getting the session that a profile stands for.
type triedRole struct {
	profile string
	session cache.Session
	err     error
}

// askSTS asks each endpoint once whether it is there and what time it is, whose the credentials of each source are, and
// gets each session. Where an endpoint is not reached, nothing more is asked there.
func (x *exam) askSTS(ctx context.Context) {
	start := x.now()           // what failed before that is asked again
	asked := map[string]bool{} // sources, and sessions by their key
	// A role before those that are assumed with it: where it is not assumed, that is all there is to tell of these.
	names := slices.Clone(x.names)
	slices.SortStableFunc(names, func(a, b string) int { return cmp.Compare(len(x.chains[a].Hops), len(x.chains[b].Hops)) })
	denied := map[string]bool{} // of ways
	for _, name := range names {
		c, ok := x.chains[name]
		if !ok || x.refused[name] {
			continue
		}
		if ctx.Err() != nil {
			x.addFact("STS", "the time was up before all was asked: allow more with --timeout, or name a profile")
			return
		}
		s := x.reach(ctx, name)
		if s.err != nil {
			continue
		}
		if id := "source " + s.URL + " " + c.Source.Profile; !asked[id] {
			asked[id] = true
			arn, err := x.Resolver.Caller(ctx, c)
			s.sources = append(s.sources, askedSource{c.Source.Profile, arn, err})
			if err == nil {
				x.addFact("source", c.Source.Profile+": "+arn)
			}
		}
		key, cached, err := x.Resolver.Key(c)
		id := "session " + key.String()
		if err != nil || !cached || len(c.Hops) == 0 || asked[id] || s.failed(c.Source.Profile) {
			continue
		}
		asked[id] = true
		ways := waysTo(c)
		if slices.ContainsFunc(ways, func(way string) bool { return denied[way] }) {
			continue
		}
		session, err := x.Resolver.Try(ctx, c, start)
		s.roles = append(s.roles, triedRole{c.Profile.Name, session, err})
		switch e := (*diag.Error)(nil); {
		case err == nil && !session.Expiration.After(x.now()):
			x.addFact("role", c.Profile.Name+": assumed, but over already by this machine's clock")
		case err == nil:
			x.addFact("role", fmt.Sprintf("%s: assumed, good for %s", c.Profile.Name, session.Expiration.Sub(x.now()).Round(time.Minute)))
		case errors.As(err, &e) && e.Has(diag.NeedsUser):
			x.addFact("role", fmt.Sprintf("%s: not tried, %v (%s)", c.Profile.Name, e.Err, e.Hint))
		default:
			denied[ways[len(ways)-1]] = true
		}
	}
}

// waysTo gives for each role of a chain the profiles from the source to it.
func waysTo(c profiles.Chain) (ways []string) {
	way := c.Source.Profile
	for _, h := range c.Hops {
		way += " " + h.Profile
		ways = append(ways, way)
	}
	return ways
}

// reach gives what is known of a profile's endpoint, asking it if nobody has.
func (x *exam) reach(ctx context.Context, name string) *stsSeen {
	explained, err := x.Resolver.Explain(ctx, x.chains[name])
	for _, s := range x.sts {
		if err == nil && s.URL == explained.STSEndpoint {
			return s
		}
	}
	s := &stsSeen{}
	s.Reached, s.err = x.Resolver.Reach(ctx, x.chains[name])
	if s.err == nil {
		text := s.URL + " (this machine's clock is " + offText(s.Ahead) + " the one there)"
		if s.Proxy != "" {
			text += ", through the proxy " + s.Proxy
		}
		x.addFact("STS", text)
	}
	x.sts = append(x.sts, s)
	return s
}

func (s *stsSeen) failed(profile string) bool {
	for _, src := range s.sources {
		if src.profile == profile && src.err != nil {
			return true
		}
	}
	return false
}

// offText says how far the clocks are apart, as far as that can be told from a Date of whole seconds.
func offText(ahead time.Duration) string {
	off := ahead.Round(time.Second)
	text := strings.TrimSuffix(off.Abs().String(), "m0s")
	if text != off.Abs().String() {
		text += "m"
	}
	switch {
	case off.Abs() <= time.Second:
		return "like"
	case off < 0:
		return text + " behind"
	default:
		return text + " ahead of"
	}
}

// stsProxy finds a proxy by which STS is not reached.
func stsProxy(x *exam) {
	for _, s := range x.sts {
		if s.err != nil && s.Proxy != "" {
			host, variable := s.URL, "HTTPS_PROXY"
			if u, err := url.Parse(s.URL); err == nil {
				host = u.Hostname()
				if u.Scheme == "http" {
					variable = "HTTP_PROXY"
				}
			}
			if lower := strings.ToLower(variable); x.getenv(variable) == "" && x.getenv(lower) != "" {
				variable = lower
			}
			x.add(Finding{Severity: Error, Where: variable, What: fmt.Sprintf("%s is not reached through the proxy %s: %s", s.URL, s.Proxy, causeOf(s.err)),
				Why: "no role is assumed, and no session renewed", Fix: "correct the proxy's address, or let calls of STS go round it: " + x.export("NO_PROXY", host)})
		}
	}
}

// stsUnreachable finds an STS that is not reached.
func stsUnreachable(x *exam) {
	for _, s := range x.sts {
		if s.err == nil || s.Proxy != "" {
			continue
		}
		fix := "check the network and the name of the endpoint"
		if e := (*diag.Error)(nil); errors.As(s.err, &e) && e.Hint != "" {
			fix = e.Hint
		}
		what := fmt.Sprintf("STS at %s is not reached: %s", s.URL, causeOf(s.err))
		if s.URL == "" {
			what = "there is no STS endpoint for these settings: " + causeOf(s.err)
		}
		x.add(Finding{Severity: Error, What: what, Why: "no role is assumed, and no session renewed", Fix: fix})
	}
}

// What a clock may be off by. Beyond the first, sessions are served too long or not long enough for some; beyond the
// second, AWS refuses what is signed.
const (
	clockWarning = time.Minute
	clockError   = 5 * time.Minute
)

// clock finds a clock that is off.
func clock(x *exam) {
	for _, s := range x.sts {
		if s.err != nil || s.Ahead.Abs() < clockWarning {
			continue
		}
		f := Finding{Severity: Warning, What: "this machine's clock is " + offText(s.Ahead) + " that of " + s.URL, Why: "sessions are served when they are over, or renewed too early",
			Fix: run("sudo timedatectl set-ntp true")}
		if s.Ahead.Abs() >= clockError {
			f.Severity, f.Why = Error, "AWS refuses what is signed more than five minutes off: SignatureDoesNotMatch"
		}
		switch x.goos {
		case "darwin":
			f.Fix = run("sudo sntp -sS time.apple.com")
		case "windows":
			f.Fix = run("w32tm /resync")
		}
		x.add(f)
	}
}

// addFailed reports what a call of STS came to; that a person is needed is no fault of the set-up.
func (x *exam) addFailed(profile, why string, err error) {
	var e *diag.Error
	if !errors.As(err, &e) {
		e = &diag.Error{Err: err}
	}
	f := Finding{Severity: Error, Profile: profile, Where: x.place(x.sections[profile], ""), What: strings.TrimPrefix(e.Where+": "+e.Err.Error(), ": "), Why: why, Fix: e.Hint}
	if e.Has(diag.NeedsUser) {
		f.Severity = Warning
	}
	if e.SignIn != nil {
		f.Fix = run(strings.Join(e.SignIn, " "))
	}
	if f.Fix == "" {
		f.Fix = run("aws-credproc explain " + profiles.Argument(profile))
	}
	x.add(f)
}

// caller finds sources whose credentials STS does not take, or that give none.
func caller(x *exam) {
	for _, s := range x.sts {
		for _, src := range s.sources {
			if src.err != nil {
				x.addFailed(src.profile, "no role is assumed with it", src.err)
			}
		}
	}
}

// assumeRole finds roles that are not assumed.
func assumeRole(x *exam) {
	for _, s := range x.sts {
		for _, r := range s.roles {
			if e := (*diag.Error)(nil); r.err != nil && !(errors.As(r.err, &e) && e.Has(diag.NeedsUser)) {
				x.addFailed(r.profile, "the profile gives no credentials", r.err)
			}
		}
	}
}

// causeOf gives an error without the profile and the step.
func causeOf(err error) string {
	if e := (*diag.Error)(nil); errors.As(err, &e) {
		return e.Err.Error()
	}
	return err.Error()
}
