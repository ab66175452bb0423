package doctor

import (
	"cmp"
	"context"
	"slices"
	"time"

	"aws-credproc/cache"
	"aws-credproc/credproc"
	"aws-credproc/profiles"
)

// stsAnswers is the responses of STS.
type stsAnswers struct {
	endpoints []*stsEndpoint
	outOfTime bool // some calls were not made
}

// stsEndpoint is the responses of one endpoint.
type stsEndpoint struct {
	credproc.Reached
	err     error // why the endpoint cannot be reached
	sources []sourceIdentity
	roles   []roleAttempt
}

// sourceIdentity is the caller identity of a source's credentials.
type sourceIdentity struct {
	profile string
	arn     string
	err     error
}

// roleAttempt is the result of getting the session of a profile.
type roleAttempt struct {
	profile string
	session cache.Session
	err     error
}

// stsAsker queries each endpoint once for the time, for the caller identity of each source and for
// each role. It makes no further calls to an endpoint that it cannot reach.
type stsAsker struct {
	x       *examination
	answers stsAnswers
	start   time.Time       // failures cached before that are ignored
	asked   map[string]bool // sources by endpoint, and sessions by cache key
	denied  map[string]bool // paths from a source to a role that could not be assumed
}

func askSTS(ctx context.Context, x *examination) stsAnswers {
	a := &stsAsker{
		x: x, start: x.env.now(), asked: map[string]bool{}, denied: map[string]bool{},
	}
	// Roles before those that are assumed with them, which are left out if the first fails.
	names := slices.Clone(x.config.names)
	slices.SortStableFunc(names, func(a, b string) int {
		return cmp.Compare(len(x.chains.byProfile[a].Hops), len(x.chains.byProfile[b].Hops))
	})
	for _, name := range names {
		c, ok := x.chains.byProfile[name]
		if !ok || x.chains.refused[name] {
			continue
		}
		if ctx.Err() != nil {
			a.answers.outOfTime = true
			break
		}
		if e := a.reach(ctx, c); e.err == nil {
			a.identify(ctx, e, c)
			a.assume(ctx, e, c)
		}
	}
	return a.answers
}

// reach returns the endpoint of a chain. The first call for an endpoint contacts it.
func (a *stsAsker) reach(ctx context.Context, c profiles.Chain) *stsEndpoint {
	url, err := a.x.opts.Resolver.STSURL(ctx, c)
	for _, e := range a.answers.endpoints {
		if err == nil && e.URL == url {
			return e
		}
	}
	e := &stsEndpoint{}
	e.Reached, e.err = a.x.opts.Resolver.Reach(ctx, c)
	a.answers.endpoints = append(a.answers.endpoints, e)
	return e
}

// identify asks for the caller identity of a chain's source, once per source.
func (a *stsAsker) identify(ctx context.Context, e *stsEndpoint, c profiles.Chain) {
	if id := "source " + e.URL + " " + c.Source.Profile; !a.asked[id] {
		a.asked[id] = true
		source, err := a.x.opts.Resolver.Source(ctx, c)
		e.sources = append(e.sources, sourceIdentity{c.Source.Profile, source.ARN, err})
	}
}

// assume gets the session of a chain, once per session, unless its source or one of its roles has
// failed.
func (a *stsAsker) assume(ctx context.Context, e *stsEndpoint, c profiles.Chain) {
	key, cached, err := a.x.opts.Resolver.Key(c)
	id := "session " + key.String()
	if err != nil || !cached || len(c.Hops) == 0 || a.asked[id] || e.hasFailed(c.Source.Profile) {
		return
	}
	if _, err := a.x.opts.Resolver.CheckMFA(c); err != nil { // mfaNoDevice reports it
		return
	}
	a.asked[id] = true
	paths := pathsOf(c)
	if slices.ContainsFunc(paths, func(path string) bool { return a.denied[path] }) {
		return
	}
	session, err := a.x.opts.Resolver.Try(ctx, c, a.start)
	e.roles = append(e.roles, roleAttempt{c.Profile.Name, session, err})
	if err != nil && !needsUser(err) {
		a.denied[paths[len(paths)-1]] = true
	}
}

// pathsOf returns, for each role of a chain, the profiles from the source to the role.
func pathsOf(c profiles.Chain) (paths []string) {
	path := c.Source.Profile
	for _, h := range c.Hops {
		path += " " + h.Profile
		paths = append(paths, path)
	}
	return paths
}

// hasFailed reports whether a source has no valid credentials.
func (e *stsEndpoint) hasFailed(source string) bool {
	return slices.ContainsFunc(e.sources, func(s sourceIdentity) bool {
		return s.profile == source && s.err != nil
	})
}
