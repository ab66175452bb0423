package credproc

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"aws-credproc/credproc/plan"
)

// A redirected request would carry a token, a token code or a session to another host.
func TestNoRedirectIsFollowed(t *testing.T) {
	for name, source := range sources {
		if name == "process" {
			continue // it calls no service
		}
		for _, status := range []int{http.StatusFound, http.StatusTemporaryRedirect, http.StatusPermanentRedirect} {
			t.Run(name+"/"+http.StatusText(status), func(t *testing.T) {
				w := newFixture(t)
				s := source(w)
				var asked, elsewhere atomic.Int32
				other := httptest.NewServer(http.HandlerFunc(
					func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
				t.Cleanup(other.Close)
				redirecting := httptest.NewServer(http.HandlerFunc(
					func(rw http.ResponseWriter, r *http.Request) {
						asked.Add(1)
						http.Redirect(rw, r, other.URL+r.URL.Path, status)
					}))
				t.Cleanup(redirecting.Close)
				for _, name := range []string{
					"AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL_SSO", "AWS_ENDPOINT_URL_SSO_OIDC",
					"AWS_ENDPOINT_URL_SIGNIN", "AWS_EC2_METADATA_SERVICE_ENDPOINT",
				} {
					t.Setenv(name, redirecting.URL)
				}
				if strings.HasPrefix(name, "container") {
					t.Setenv(plan.ContainerFullURI, redirecting.URL+"/v1/credentials")
				}
				leaf := s.leaf
				if s.role {
					leaf += "\nrole_arn = " + devARN
				}
				w.config("[profile leaf]\n" + leaf + "\n" + s.more)
				if _, err := w.get("leaf"); err == nil {
					t.Error("it succeeded")
				}
				if asked.Load() == 0 {
					t.Error("no service was called")
				}
				if n := elsewhere.Load(); n != 0 {
					t.Errorf("%d requests went to the other host", n)
				}
			})
		}
	}
}
