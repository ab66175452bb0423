package credproc

import (
	"context"
	"errors"
	"time"

	"aws-credproc/cache"
	"aws-credproc/profiles"
)

// Explanation is what a profile stands for, in the form in which `explain --json` prints it. Nothing in it is secret.
// It is a public interface: fields are added, never changed.
type Explanation struct {
	Profile     string     `json:"profile"`
	Region      string     `json:"region"`
	STSEndpoint string     `json:"sts_endpoint"`
	Store       string     `json:"store"`
	CacheKey    *string    `json:"cache_key"` // null where nothing is cached
	Expires     *time.Time `json:"expires"`   // of the cached session; null where there is none
	Chain       []Element  `json:"chain"`
}

// Element is one link of a chain: first the source, then the session for its MFA device, then each role. What the config does not set is left out.
type Element struct {
	Type    string `json:"type"`
	Profile string `json:"profile"`

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
	e, err := endpointOf(c, r.Getenv)
	if err != nil {
		return Explanation{}, err
	}
	url, err := e.Resolve(ctx)
	if err != nil {
		return Explanation{}, &Error{Profile: c.Profile.Name, Step: "find the STS endpoint", Err: err, Mend: "correct the region"}
	}
	x := Explanation{Profile: c.Profile.Name, Region: e.Region, STSEndpoint: url, Chain: elements(c, r.Getenv)}
	key, cached, err := r.Key(c)
	if err != nil {
		return Explanation{}, err
	}
	store, _ := r.Cache.StoreName(ctx)
	x.Store = string(store)
	if !cached {
		return x, nil
	}
	text := key.String()
	x.CacheKey = &text
	facts, err := r.Cache.FactsOf(key)
	if err != nil && !errors.Is(err, cache.ErrMiss) {
		return Explanation{}, err
	}
	if facts.Store != "" && facts.Expires.After(r.Now()) {
		x.Store, x.Expires = string(facts.Store), &facts.Expires
	}
	return x, nil
}

func elements(c profiles.Chain, getenv func(string) string) []Element {
	s := c.Source
	all := []Element{{
		Type: string(s.Type), Profile: s.Profile, AccessKeyID: shownKeyID(s.AccessKeyID), AccountID: s.AccountID, Location: s.Location,
		Command: s.Command, RoleARN: s.RoleARN, WebIdentityTokenFile: s.WebIdentityTokenFile, RoleSessionName: s.RoleSessionName,
		SSOAccountID: s.SSOAccountID, SSORoleName: s.SSORoleName, SSORegion: s.SSORegion, SSOStartURL: s.SSOStartURL, SSOSession: s.SSOSession,
		LoginSession: s.LoginSession, WebIdentityTokenProcess: s.WebIdentityTokenProcess, Policy: s.Policy, PolicyARNs: s.PolicyARNs,
	}}
	for _, l := range linksOf(c, getenv)[1:] {
		if isSessionToken(l) {
			all = append(all, Element{Type: l.typ, Profile: l.profile, MFASerial: c.MFA.Serial, DurationSeconds: int(c.MFA.Session / time.Second)})
			continue
		}
		h := l.role
		var tags map[string]string
		for _, t := range h.SessionTags {
			if tags == nil {
				tags = map[string]string{}
			}
			tags[t.Key] = t.Value
		}
		all = append(all, Element{
			Type: l.typ, Profile: h.Profile, RoleARN: h.RoleARN, RoleSessionName: h.RoleSessionName,
			ExternalID: h.ExternalID, DurationSeconds: int(h.Duration / time.Second), MFASerial: h.MFASerial,
			SourceIdentity: h.SourceIdentity, SessionTags: tags, TransitiveTagKeys: h.TransitiveTagKeys, Policy: h.Policy, PolicyARNs: h.PolicyARNs,
		})
	}
	return all
}
