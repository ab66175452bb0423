package plan

import (
	"fmt"
	"maps"
	"net/url"
	"strings"
	"testing"
	"unicode"

	"aws-credproc/cache"
)

func TestEndpointMustBeURL(t *testing.T) {
	for _, text := range []string{"localhost:1", "ftp://x", "http://", "://", "http://\x7f"} {
		if _, err := EndpointOf(chainOf(t, "[profile p]\n"+role, base),
			getenv(map[string]string{"AWS_ENDPOINT_URL_STS": text})); err == nil {
			t.Errorf("%q is accepted", text)
		}
	}
}

func TestPartitionOfWebIdentityRole(t *testing.T) {
	c := chainOf(t, "[profile p]\nrole_arn = arn:aws-cn:iam::1:role/A\nweb_identity_token_file = /a",
		"")
	if e, err := EndpointOf(c, getenv(nil)); err != nil || e.Region != "cn-north-1" {
		t.Errorf("region %s, %v", e.Region, err)
	}
}

// TestServiceEndpoints checks the order of precedence for every service of a source, and that each
// configured endpoint has its own cache key, also for roles that the source assumes.
func TestServiceEndpoints(t *testing.T) {
	const sso = "sso_session = s\nsso_account_id = 1\nsso_role_name = r\n"
	const more = "[sso-session s]\nsso_region = x\nsso_start_url = u\n"
	const login = "login_session = arn:x\n"
	for _, service := range []struct{ id, settings, variable, key string }{
		{ServiceSSO, sso, "AWS_ENDPOINT_URL_SSO", "sso"},
		{ServiceOIDC, sso, "AWS_ENDPOINT_URL_SSO_OIDC", "sso_oidc"},
		{ServiceSignin, login, "AWS_ENDPOINT_URL_SIGNIN", "signin"},
	} {
		const endpoint, services = "endpoint_url = http://d\n", "services = v\n"
		section := "[services v]\n" + service.key + " =\n  endpoint_url = http://c\n"
		all := map[string]string{service.variable: "http://a", "AWS_ENDPOINT_URL": "http://b"}
		seen := map[cache.Key]string{}
		for _, test := range []struct {
			settings string
			env      map[string]string
			want     string
		}{
			{"", nil, ""},
			{endpoint, nil, "http://d"},
			{endpoint + services, nil, "http://c"},
			{endpoint + services, map[string]string{"AWS_ENDPOINT_URL": "http://b"}, "http://b"},
			{endpoint + services, all, "http://a"},
			{endpoint + services + "ignore_configured_endpoint_urls = true\n", all, ""},
			{endpoint, map[string]string{"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"}, ""},
		} {
			c := chainOf(t, "[profile p]\nrole_arn = arn:aws:iam::1:role/A\nsource_profile = leaf\n"+
				"[profile leaf]\n"+service.settings+test.settings+more+section, "")
			// The endpoint of STS is not the subject of this test.
			env := maps.Clone(test.env)
			if env == nil {
				env = map[string]string{}
			}
			env["AWS_ENDPOINT_URL_STS"] = "http://sts"
			if test.want == "" {
				delete(env, "AWS_ENDPOINT_URL_STS")
			}
			p, err := New(c, getenv(env))
			if err != nil {
				t.Fatal(err)
			}
			got := p.Service(service.id)
			if got.URL != test.want || (got.URLFrom == "") != (test.want == "") {
				t.Errorf("%s: %+v, want %s (%q, %v)", service.id, got, test.want, test.settings, test.env)
			}
			for n := range p.Links {
				other, ok := seen[p.Key(n)]
				want := fmt.Sprintf("%s, link %d", test.want, n)
				if ok && other != want {
					t.Errorf("%s: %q and %q have the same key", service.id, other, want)
				}
				seen[p.Key(n)] = want
			}
		}
	}
}

func TestServiceEndpointMustBeURLWhereItIsUsed(t *testing.T) {
	env := getenv(map[string]string{"AWS_ENDPOINT_URL_SSO": "localhost:1"})
	const sso = "[profile p]\nsso_account_id = 1\nsso_role_name = r\nsso_region = x\n" +
		"sso_start_url = u\n"
	_, err := New(chainOf(t, sso, base), env)
	const want = "p: SSO endpoint: AWS_ENDPOINT_URL_SSO is not an http or https URL"
	if err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
	if _, err := New(chainOf(t, "[profile p]\n"+role, base), env); err != nil {
		t.Errorf("a chain without SSO: %v", err)
	}
}

func TestEndpointURL(t *testing.T) {
	for _, s := range []string{
		"http://localhost", "https://sts.eu-west-1.amazonaws.com", "HTTP://[::1]:4566/path?query",
		"http://user:p@ss@host:80", "https://127.0.0.1:4566/",
	} {
		if !isEndpointURL(s) {
			t.Errorf("%s is refused", s)
		}
	}
	for _, s := range []string{
		"", "localhost:4566", "ftp://host", "http:/host", "http://", "http:///path", "http://:80",
		"http://user@", "http://host:port", "http://a host", "http://host/\n", "\"http://host\"",
	} {
		if isEndpointURL(s) {
			t.Errorf("%q is accepted", s)
		}
	}
}

// Package url accepts control characters in a fragment, which no request uses.
func FuzzEndpointURLAcceptsWhatTheSDKUses(f *testing.F) {
	f.Add("http://user:p@ss@[::1]:4566/path?query#fragment")
	f.Add("https://sts.amazonaws.com:443")
	f.Add("http://0#\x00")
	f.Fuzz(func(t *testing.T, s string) {
		u, err := url.Parse(s)
		if err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https" ||
			strings.Contains(s, " ") || strings.ContainsFunc(s, unicode.IsControl) {
			return
		}
		if !isEndpointURL(s) {
			t.Errorf("%q is refused", s)
		}
	})
}
