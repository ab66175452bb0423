// Package ststest is a strict AWS Security Token Service on loopback, for tests and for the demo.
//
// It verifies the SigV4 signature, the access key, the session token and its expiration. It
// evaluates the caller's identity policy and the role's trust policy. It enforces the limits on
// durations and role chaining, and accepts each MFA code once. It implements AssumeRole,
// AssumeRoleWithWebIdentity, GetSessionToken and GetCallerIdentity in the query protocol of
// https://docs.aws.amazon.com/STS/latest/APIReference/, and the actions of IAM that replace an
// access key. SDKs reach it with AWS_ENDPOINT_URL_STS and AWS_ENDPOINT_URL_IAM. It records requests
// and fails on demand (see [Fault]).
//
// It is stricter than STS in four ways. The identity policy and the trust policy must both allow
// the call, also within one account. Unknown parameters are refused. A managed policy in
// PolicyArns must have been added. A policy that uses anything outside the supported subset
// (see [Statement]) is refused.
package ststest

import (
	"fmt"
	"maps"
	"net"
	"net/http"
	"sync"
	"time"
)

// Server is an STS with the users, roles and MFA devices of any number of accounts. It is safe
// for concurrent use.
type Server struct {
	URL string // the endpoint, "http://127.0.0.1:port"

	http    *http.Server
	done    chan struct{} // closed by Close
	serving sync.WaitGroup

	mu       sync.Mutex
	closed   bool
	now      func() time.Time
	skew     time.Duration
	iam      iam
	faults   []*Fault
	requests []*Request
}

// Start returns a server that listens on a free port of 127.0.0.1.
func Start() (*Server, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start STS: %w", err)
	}
	s := &Server{
		URL:  "http://" + l.Addr().String(),
		done: make(chan struct{}),
		now:  time.Now,
		skew: 5 * time.Minute,
		iam:  newIAM(),
	}
	s.http = &http.Server{Handler: s.Handler(), ReadHeaderTimeout: time.Minute}
	s.serving.Go(func() {
		_ = s.http.Serve(l) // returns ErrServerClosed after Close, and only then
	})
	return s, nil
}

// Close stops the server, closes its connections and waits for requests in progress. It may be
// called twice.
func (s *Server) Close() error {
	s.mu.Lock()
	first := !s.closed
	s.closed = true
	s.mu.Unlock()
	var err error
	if first {
		close(s.done)
		err = s.http.Close()
	}
	s.serving.Wait()
	return err
}

// enter reports whether the server is open. If so, Close waits for the request.
func (s *Server) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.serving.Add(1)
	}
	return !s.closed
}

// Handler returns the STS endpoint, to be served at another address too.
func (s *Server) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x := &exchange{server: s, w: w, r: r, record: &Request{}}
		if !s.enter() {
			x.drop()
			return
		}
		defer s.serving.Done()
		x.serve()
	})
}

// Now returns the server's time.
func (s *Server) Now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now()
}

// SetNow replaces the server's clock. The function must be safe for concurrent use and must not
// call the server. Nil restores the system clock.
func (s *Server) SetNow(now func() time.Time) {
	if now == nil {
		now = time.Now
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = now
}

// SetMaxSkew sets how far the date of a signature may be from the server's time. The default is
// 5 minutes, as in AWS. Tests that move the server's clock need more, because the SDK signs with
// the system clock.
func (s *Server) SetMaxSkew(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.skew = d
}

// Request is a received request. It holds no secret.
type Request struct {
	Time        time.Time // server time on arrival
	Action      string    // "" if there was none
	AccessKeyID string    // from the Authorization header
	Region      string    // from the credential scope
	UserAgent   string
	Params      map[string]string // without Action and Version; codes and tokens are "***"
	Status      int               // HTTP status of the response; 0 while there is none
	ErrorCode   string            // such as "AccessDenied"; "" for success
}

// Calls returns the number of requests for an action, including failed ones.
func (s *Server) Calls(action string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, r := range s.requests {
		if r.Action == action {
			n++
		}
	}
	return n
}

// Requests returns a copy of all requests in order of arrival.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Request, len(s.requests))
	for i, r := range s.requests {
		out[i] = *r
		out[i].Params = maps.Clone(r.Params)
	}
	return out
}

// ResetRequests removes all recorded requests.
func (s *Server) ResetRequests() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = nil
}

// add records a request and returns the record and the fault that applies to the request.
func (s *Server) add(r *http.Request, form map[string]string) (*Request, Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	record := &Request{
		Time:      s.now(),
		Action:    form["Action"],
		UserAgent: r.UserAgent(),
		Params:    maps.Clone(form),
	}
	if a, err := parseAuthorization(r.Header.Values("Authorization")); err == nil {
		record.AccessKeyID, record.Region = a.keyID, a.region
	}
	delete(record.Params, "Action")
	delete(record.Params, "Version")
	for _, name := range []string{"TokenCode", "WebIdentityToken"} {
		if _, ok := form[name]; ok {
			record.Params[name] = "***"
		}
	}
	s.requests = append(s.requests, record)
	return record, s.takeFault(record.Action)
}
