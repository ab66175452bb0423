package credproc

import (
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
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
				useService(t, name, redirecting.URL)
				w.config("[profile leaf]\n" + leafOf(s) + "\n" + s.more)
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
