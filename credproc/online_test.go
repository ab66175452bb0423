package credproc

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"aws-credproc/cache"
	"aws-credproc/internal/diag"
	"aws-credproc/internal/ststest"
)

// online returns a Resolver and an STS that knows the user jill and role A, and the environment
// with jill's keys.
func online(t *testing.T) (*Resolver, *ststest.Server, map[string]string) {
	t.Helper()
	s, err := ststest.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	jill, err := s.AddUser("111111111111", "jill", ststest.AllowAssume("*"))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.AddRole(ststest.Role{ARN: "arn:aws:iam::111111111111:role/A",
		Trust: ststest.TrustPolicy(jill.ARN)}); err != nil {
		t.Fatal(err)
	}
	c, err := cache.Open(cache.Options{Dir: t.TempDir(), Choice: cache.File})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { must(t, c.Close()) })
	env := map[string]string{"AWS_ENDPOINT_URL_STS": s.URL, "AWS_ACCESS_KEY_ID": jill.Key.ID,
		"AWS_SECRET_ACCESS_KEY": jill.Key.Secret, "AWS_MAX_ATTEMPTS": "1"}
	discard := func(string, ...any) {}
	return &Resolver{Cache: c, Getenv: getenv(env), Now: time.Now, Warnf: discard,
		Tracef: discard}, s, env
}

const roleOfEnvironment = "[profile p]\nrole_arn = arn:aws:iam::111111111111:role/A\n" +
	"credential_source = Environment\n"

func TestReachComparesClocksWithoutKeys(t *testing.T) {
	r, s, env := online(t)
	delete(env, "AWS_ACCESS_KEY_ID")
	chain := chainOf(t, roleOfEnvironment, "")
	for _, off := range []time.Duration{0, time.Hour, -time.Hour} {
		r.Now = func() time.Time { return time.Now().Add(off) }
		to, err := r.Reach(t.Context(), chain)
		if err != nil || to.URL != s.URL || to.Proxy != "" || (to.Ahead-off).Abs() > time.Minute {
			t.Errorf("a clock that is %s ahead: %+v, %v", off, to, err)
		}
	}
	for _, q := range s.Requests() {
		if q.AccessKeyID != "" {
			t.Error("something was signed")
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if to, err := r.Reach(t.Context(), chain); err == nil || to.URL != s.URL ||
		strings.Contains(diag.Text(err), "Get \"") {
		t.Errorf("of an STS that is gone: %+v, %v", to, err)
	}
}

func TestSourceReturnsARN(t *testing.T) {
	r, s, env := online(t)
	chain := chainOf(t, roleOfEnvironment, "")
	if caller, err := r.Source(t.Context(), chain); err != nil ||
		caller.ARN != "arn:aws:iam::111111111111:user/jill" {
		t.Errorf("%+v, %v", caller, err)
	}
	for _, field := range []string{"Account", "Arn"} {
		s.Fault(ststest.Fault{Kind: ststest.OmitField, Field: field})
		if caller, err := r.Source(t.Context(), chain); err == nil ||
			!strings.Contains(err.Error(), "the response did not come from STS: no account and ARN") {
			t.Errorf("without %s: %+v, %v", field, caller, err)
		}
	}
	env["AWS_SECRET_ACCESS_KEY"] = "hush"
	var e *diag.Error
	if _, err := r.Source(t.Context(), chain); !errors.As(err, &e) || e.Where != "GetCallerIdentity" ||
		!strings.Contains(err.Error(), " for access key AKIA") || e.Hint == "" ||
		strings.Contains(diag.Text(err), "hush") {
		t.Errorf("with another secret: %v", err)
	}
	s.Fault(ststest.Fault{Kind: ststest.Fail, Status: http.StatusServiceUnavailable,
		Times: ststest.Always})
	if _, err := r.Source(t.Context(), chain); !errors.As(err, &e) || !e.Has(diag.Temporary) {
		t.Errorf("of an STS that is unavailable: %v", err)
	}
}

func TestTryDoesNotAskForCode(t *testing.T) {
	r, s, _ := online(t)
	if got, err := r.Try(t.Context(), chainOf(t, roleOfEnvironment, ""), r.Now()); err != nil ||
		got.SessionToken == "" {
		t.Errorf("%v, %v", got, err)
	}
	before := s.Calls("AssumeRole")
	var e *diag.Error
	chain := chainOf(t, roleOfEnvironment+"mfa_serial = arn:aws:iam::111111111111:mfa/jill\n", "")
	if _, err := r.Try(t.Context(), chain, r.Now()); !errors.As(err, &e) || !e.Has(diag.NeedsUser) ||
		s.Calls("AssumeRole") != before {
		t.Errorf("with a device: %v", err)
	}
	if all, err := r.Cache.Facts(); err != nil || len(all) != 1 {
		t.Errorf("a failure was noted: %+v, %v", all, err)
	}
}

// The body of a 101 response is the connection, which may not end.
func TestReachDoesNotReadBody(t *testing.T) {
	r, _, env := online(t)
	end := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Connection", "Upgrade")
		w.Header().Set("Upgrade", "x")
		w.WriteHeader(http.StatusSwitchingProtocols)
		w.(http.Flusher).Flush()
		<-end
	}))
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(end) })
	env["AWS_ENDPOINT_URL_STS"] = server.URL
	done := make(chan error, 1)
	go func() {
		_, err := r.Reach(t.Context(), chainOf(t, roleOfEnvironment, ""))
		done <- err
	}()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(2 * reachPatience):
		t.Error("it reads on after its time")
	}
}
