package credproc

import (
	"context"
	"errors"
	"fmt"
	"time"

	"aws-credproc/cache"
	"aws-credproc/credproc/plan"
	"aws-credproc/profiles"
)

// Explanation is what a profile stands for, in the form in which `explain --json` prints it. Nothing in it is secret.
// It is a public interface: fields are added, never changed.
type Explanation struct {
	Profile     string `json:"profile"`
	Region      string `json:"region"`
	STSEndpoint string `json:"sts_endpoint"`
	// Where the two were found: a variable, a setting, or a file and line; left out where the role's partition, and the
	// region, decide.
	RegionFrom      string     `json:"region_from,omitempty"`
	STSEndpointFrom string     `json:"sts_endpoint_from,omitempty"`
	Store           string     `json:"store"`
	StoreReason     string     `json:"store_reason,omitempty"` // why it is not as chosen; or why auto takes it
	CacheKey        *string    `json:"cache_key"`              // null where nothing is cached
	Expires         *time.Time `json:"expires"`                // of the cached session; null where there is none
	Chain           []Element  `json:"chain"`
	// Policies are given where they are asked for, see [plan.Policies].
	Policies []plan.RolePolicies `json:"policies,omitempty"`
}

// Element is one link of a chain: first the source, then the session for its MFA device, then each role. What the config does not set is left out.
type Element struct {
	Type    string     `json:"type"`
	Profile string     `json:"profile"`
	Expires *time.Time `json:"expires,omitempty"` // of its cached session; left out where there is none

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
	Policy                  string            `json:"policy,omitempty"` // as configured: JSON, or file://PATH
	PolicyARNs              []string          `json:"policy_arns,omitempty"`
}

// Explain says what a chain stands for and what would be sent for it, without sending it. It opens no secret.
func (r *Resolver) Explain(ctx context.Context, c profiles.Chain) (Explanation, error) {
	w, err := r.way(c)
	if err != nil {
		return Explanation{}, err
	}
	url, err := w.stsURL(ctx)
	if err != nil {
		return Explanation{}, err
	}
	x := Explanation{Profile: c.Profile.Name, Region: w.plan.Endpoint.Region, RegionFrom: w.plan.Endpoint.RegionFrom,
		STSEndpoint: url, STSEndpointFrom: w.plan.Endpoint.URLFrom, Chain: elements(c, w.plan.Links)}
	store, reason := r.Cache.StoreName(ctx)
	x.Store, x.StoreReason = string(store), reason
	for n := range w.plan.Links {
		if !w.plan.IsCached(n) {
			continue
		}
		facts, err := r.Cache.FactsOf(w.plan.Key(n))
		if err != nil && !errors.Is(err, cache.ErrMiss) {
			return Explanation{}, err
		}
		if facts.Store != "" && facts.Expires.After(r.Now()) {
			x.Chain[n].Expires = &facts.Expires
			if n == w.plan.Last() {
				x.Store, x.Expires = string(facts.Store), &facts.Expires
				if facts.Store != store && reason != "" {
					x.StoreReason = fmt.Sprintf("a new session goes to %s: %s", store, reason)
					if store == cache.None {
						x.StoreReason = "a new session is not kept: " + reason
					}
				}
			}
		}
	}
	if w.plan.IsCached(w.plan.Last()) {
		key := w.plan.Key(w.plan.Last()).String()
		x.CacheKey = &key
	}
	return x, nil
}

// elements gives an element for each link.
func elements(c profiles.Chain, links []plan.Link) []Element {
	s := c.Source
	all := []Element{{
		Type: string(s.Type), Profile: s.Profile, AccessKeyID: shownKeyID(s.AccessKeyID), AccountID: s.AccountID, Location: s.Location,
		Command: s.Command, RoleARN: s.RoleARN, WebIdentityTokenFile: s.WebIdentityTokenFile, RoleSessionName: s.RoleSessionName,
		SSOAccountID: s.SSOAccountID, SSORoleName: s.SSORoleName, SSORegion: s.SSORegion, SSOStartURL: s.SSOStartURL, SSOSession: s.SSOSession,
		LoginSession: s.LoginSession, WebIdentityTokenProcess: s.WebIdentityTokenProcess, Policy: s.Policy, PolicyARNs: s.PolicyARNs,
	}}
	for _, l := range links[1:] {
		if l.IsSessionToken() {
			e := Element{Type: l.Type, Profile: l.Profile, MFASerial: c.MFA.Serial}
			if c.MFA.Session != profiles.DefaultMFASession {
				e.DurationSeconds = int(c.MFA.Session / time.Second)
			}
			all = append(all, e)
			continue
		}
		h := l.Role
		var tags map[string]string
		for _, t := range h.SessionTags {
			if tags == nil {
				tags = map[string]string{}
			}
			tags[t.Key] = t.Value
		}
		all = append(all, Element{
			Type: l.Type, Profile: h.Profile, RoleARN: h.RoleARN, RoleSessionName: h.RoleSessionName,
			ExternalID: h.ExternalID, DurationSeconds: int(h.Duration / time.Second), MFASerial: h.MFASerial,
			SourceIdentity: h.SourceIdentity, SessionTags: tags, TransitiveTagKeys: h.TransitiveTagKeys, Policy: h.Policy, PolicyARNs: h.PolicyARNs,
		})
	}
	return all
}
