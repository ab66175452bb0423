package credproc

import (
	"context"
	"errors"
	"fmt"
	"time"

	"aws-credproc/cache"
	"aws-credproc/credproc/plan"
	"aws-credproc/internal/printable"
	"aws-credproc/profiles"
)

// Explanation describes a profile in the form of explain --json. It holds no secret. It is a public
// interface: fields are added, never changed.
type Explanation struct {
	Profile     string `json:"profile"`
	Region      string `json:"region"`
	STSEndpoint string `json:"sts_endpoint"`
	// Where the two are configured: a variable, a setting, or a file and line. Defaults have none.
	RegionFrom      string `json:"region_from,omitempty"`
	STSEndpointFrom string `json:"sts_endpoint_from,omitempty"`
	Store           string `json:"store"`
	// StoreReason is why auto chose the store, or why it is not the configured one.
	StoreReason string     `json:"store_reason,omitempty"`
	CacheKey    *string    `json:"cache_key"` // null if never cached
	Expires     *time.Time `json:"expires"`   // of the cached session, or null
	Chain       []Element  `json:"chain"`
	// Policies is set by the caller, see [plan.Policies].
	Policies []plan.RolePolicies `json:"policies,omitempty"`
}

// Element is one link of a chain: the source, then the session for its MFA device, then each role.
// Settings that the config does not have are left out.
type Element struct {
	Type    string     `json:"type"`
	Profile string     `json:"profile"`
	Expires *time.Time `json:"expires,omitempty"` // of its cached session
	// Endpoints are the configured endpoints of the services, other than STS, that it calls.
	Endpoints []ServiceEndpoint `json:"endpoints,omitempty"`

	AccessKeyID string `json:"access_key_id,omitempty"`
	AccountID   string `json:"account_id,omitempty"`
	Location    string `json:"location,omitempty"`
	Command     string `json:"command,omitempty"`

	SSOAccountID string `json:"sso_account_id,omitempty"`
	SSORoleName  string `json:"sso_role_name,omitempty"`
	SSORegion    string `json:"sso_region,omitempty"`
	SSOStartURL  string `json:"sso_start_url,omitempty"`
	SSOSession   string `json:"sso_session,omitempty"`

	RoleARN              string `json:"role_arn,omitempty"`
	RoleSessionName      string `json:"role_session_name,omitempty"`
	WebIdentityTokenFile string `json:"web_identity_token_file,omitempty"`
	ExternalID           string `json:"external_id,omitempty"`
	DurationSeconds      int    `json:"duration_seconds,omitempty"`
	MFASerial            string `json:"mfa_serial,omitempty"`

	LoginSession            string            `json:"login_session,omitempty"`
	WebIdentityTokenProcess string            `json:"web_identity_token_process,omitempty"`
	SourceIdentity          string            `json:"source_identity,omitempty"`
	SessionTags             map[string]string `json:"session_tags,omitempty"`
	TransitiveTagKeys       []string          `json:"transitive_session_tags,omitempty"`
	Policy                  string            `json:"policy,omitempty"` // JSON or file://PATH
	PolicyARNs              []string          `json:"policy_arns,omitempty"`
}

// ServiceEndpoint is the configured endpoint of a service.
type ServiceEndpoint struct {
	Service string `json:"service"` // the SDK's name: SSO, SSO OIDC or Signin
	URL     string `json:"url"`     // without user information and query
	From    string `json:"from"`    // a variable or a setting
}

// serviceEndpoints returns the configured endpoints of a plan's source.
func serviceEndpoints(p plan.Plan) (all []ServiceEndpoint) {
	for _, s := range p.Services {
		shown := ServiceEndpoint{Service: s.ID, URL: printable.Mask(s.URL), From: s.URLFrom}
		all = append(all, shown)
	}
	return all
}

// Explain describes a chain and what would be sent for it, without sending it. It opens no secret.
// Settings that [Resolver.Credentials] refuses are the same error here.
func (r *Resolver) Explain(ctx context.Context, c profiles.Chain) (Explanation, error) {
	res, err := r.start(c)
	if err != nil {
		return Explanation{}, err
	}
	p := res.plan
	if err := res.refusal(p.Last()); err != nil {
		return Explanation{}, err
	}
	if c.Source.CallsService() { // the SDK refuses settings when it loads the profile
		from := source{Resolver: r, plan: p, sts: res.sts}
		if _, err := sdkConfig(ctx, from, withoutCredentials()); err != nil {
			return Explanation{}, err
		}
	}
	stsEndpoint, err := stsURL(ctx, p)
	if err != nil && callsSTS(p) {
		return Explanation{}, err
	}
	x := Explanation{
		Profile: c.Profile.Name, Region: p.Endpoint.Region, RegionFrom: p.Endpoint.RegionFrom,
		STSEndpoint: printable.Mask(stsEndpoint), STSEndpointFrom: p.Endpoint.URLFrom,
		Chain: elements(c, p.Links),
	}
	x.Chain[0].Endpoints = serviceEndpoints(p)
	store, reason := r.Cache.StoreName(ctx)
	x.Store, x.StoreReason = string(store), reason
	last := p.Last()
	for n := range p.Links {
		facts, err := r.cachedFacts(p, n)
		if err != nil {
			return Explanation{}, err
		}
		if facts.Store == "" {
			continue
		}
		x.Chain[n].Expires = &facts.Expires
		if n == last {
			x.Store, x.Expires = string(facts.Store), &facts.Expires
			x.StoreReason = storeReason(facts.Store, store, reason)
		}
	}
	if p.IsCached(last) {
		key := p.Key(last).String()
		x.CacheKey = &key
	}
	return x, nil
}

// cachedFacts returns the facts of the cached session after link n, and none if it is not cached or
// has expired.
func (r *Resolver) cachedFacts(p plan.Plan, n int) (cache.Facts, error) {
	if !p.IsCached(n) {
		return cache.Facts{}, nil
	}
	facts, err := r.Cache.FactsOf(p.Key(n))
	if err != nil && !errors.Is(err, cache.ErrMiss) {
		return cache.Facts{}, err
	}
	if !facts.Expires.After(r.Now()) {
		return cache.Facts{}, nil
	}
	return facts, nil
}

// storeReason returns why the next session goes to another store than the cached one, if it does.
func storeReason(cached, next cache.Choice, reason string) string {
	switch {
	case cached == next || reason == "":
		return reason
	case next == cache.None:
		return "new sessions are not stored: " + reason
	}
	return fmt.Sprintf("new sessions go to the %s store: %s", next, reason)
}

// elements returns an element for each link. c has the session policies as configured.
func elements(c profiles.Chain, links []plan.Link) []Element {
	all := []Element{sourceElement(c.Source)}
	for _, l := range links[1:] {
		if !l.IsSessionToken() {
			continue
		}
		e := Element{Type: l.Type, Profile: l.Profile, MFASerial: l.Device}
		if c.MFA.Session != profiles.DefaultMFASession {
			e.DurationSeconds = int(c.MFA.Session / time.Second)
		}
		all = append(all, e)
	}
	for _, h := range c.Hops {
		all = append(all, roleElement(h))
	}
	return all
}

func sourceElement(s profiles.Source) Element {
	return Element{
		Type: string(s.Type), Profile: s.Profile,
		AccessKeyID: shownKeyID(s.AccessKeyID), AccountID: s.AccountID, Location: s.Location,
		Command: profiles.ShownValue("credential_process", s.Command),
		RoleARN: s.RoleARN, RoleSessionName: s.RoleSessionName,
		WebIdentityTokenFile: s.WebIdentityTokenFile,
		WebIdentityTokenProcess: profiles.ShownValue("web_identity_token_process",
			s.WebIdentityTokenProcess),
		Policy: s.Policy, PolicyARNs: s.PolicyARNs,
		SSOAccountID: s.SSOAccountID, SSORoleName: s.SSORoleName, SSORegion: s.SSORegion,
		SSOStartURL: profiles.ShownValue("sso_start_url", s.SSOStartURL), SSOSession: s.SSOSession,
		LoginSession: s.LoginSession,
	}
}

func roleElement(h profiles.Hop) Element {
	var tags map[string]string
	if len(h.SessionTags) > 0 {
		tags = map[string]string{}
	}
	for _, t := range h.SessionTags {
		tags[t.Key] = t.Value
	}
	return Element{
		Type:              plan.TypeAssumeRole,
		Profile:           h.Profile,
		RoleARN:           h.RoleARN,
		RoleSessionName:   h.RoleSessionName,
		ExternalID:        h.ExternalID,
		DurationSeconds:   int(h.Duration / time.Second),
		MFASerial:         h.MFASerial,
		SourceIdentity:    h.SourceIdentity,
		SessionTags:       tags,
		TransitiveTagKeys: h.TransitiveTagKeys,
		Policy:            h.Policy,
		PolicyARNs:        h.PolicyARNs,
	}
}
