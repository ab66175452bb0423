package credproc

import (
	"strings"
	"testing"
)

func TestSessionOfATestEndpointIsNotReturnedForAWS(t *testing.T) {
	for source, variable := range map[string]string{
		"SSO by session": "AWS_ENDPOINT_URL_SSO", "SSO in the older form": "AWS_ENDPOINT_URL_SSO",
		"SSO by session, refreshed": "AWS_ENDPOINT_URL_SSO_OIDC", "login": "AWS_ENDPOINT_URL_SIGNIN",
	} {
		t.Run(source, func(t *testing.T) {
			w := newFixture(t)
			s := sources[source](w)
			w.config("[profile leaf]\n" + s.leaf + "\n" + s.more + "\n[profile dev]\nrole_arn = " +
				devARN + "\nsource_profile = leaf\n")
			w.mustGet("dev")
			w.mustGet("leaf")
			t.Setenv(variable, "http://127.0.0.1:1")
			for _, profile := range []string{"dev", "leaf"} {
				c, err := w.chain(profile)
				must(t, err)
				x, err := w.resolver.Explain(t.Context(), c)
				must(t, err)
				if x.Expires != nil {
					t.Errorf("%s has a session of another endpoint", profile)
				}
				found := false
				for _, e := range x.Chain[0].Endpoints {
					found = found || e.From == variable && e.URL == "http://127.0.0.1:1"
				}
				if !found {
					t.Errorf("explain shows %+v", x.Chain[0].Endpoints)
				}
			}
		})
	}
}

// The order is that of the AWS CLI. The SDK would prefer the services section.
func TestServiceIsCalledAtTheEndpointInTheKey(t *testing.T) {
	for source, service := range map[string]string{"SSO by session": "sso", "login": "signin"} {
		t.Run(source, func(t *testing.T) {
			w := newFixture(t)
			s := sources[source](w)
			variable := "AWS_ENDPOINT_URL_" + strings.ToUpper(service)
			right := w.resolver.Getenv(variable)
			t.Setenv(variable, "")
			t.Setenv("AWS_ENDPOINT_URL", right)
			w.config("[profile leaf]\nservices = v\n" + s.leaf + "\n" + s.more +
				"\n[services v]\n" + service + " =\n  endpoint_url = http://127.0.0.1:1\n")
			w.mustGet("leaf")
			if s.calls() != 1 {
				t.Errorf("%d calls, want 1", s.calls())
			}
		})
	}
}

func TestEndpointOfTheSourcesProfileIsUsed(t *testing.T) {
	w := newFixture(t)
	s := sources["SSO by session"](w)
	right := w.resolver.Getenv("AWS_ENDPOINT_URL_SSO")
	t.Setenv("AWS_ENDPOINT_URL_SSO", "")
	w.config("[profile leaf]\nservices = v\n" + s.leaf + "\n" + s.more +
		"\n[services v]\nsso =\n  endpoint_url = " + right + "\n[profile dev]\nrole_arn = " +
		devARN + "\nsource_profile = leaf\n")
	w.mustGet("dev")
	if s.calls() != 1 {
		t.Errorf("%d calls, want 1", s.calls())
	}
}
