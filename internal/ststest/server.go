// Package ststest is a strict AWS Security Token Service over HTTP on loopback, for tests and for the demo.
//
// It refuses what STS refuses. It verifies the SigV4 signature, the access key, the session token and its
// expiry; it evaluates the caller's identity policy and the role's trust policy; it holds to the bounds of
// durations, to the hour of role chaining, and to one use per token code. It answers AssumeRole,
// AssumeRoleWithWebIdentity, GetSessionToken and GetCallerIdentity in the query protocol of
// https://docs.aws.amazon.com/STS/latest/APIReference/, so that any SDK reaches it with AWS_ENDPOINT_URL_STS.
// It counts calls, and fails on demand (see [Fault]).
//
// It is stricter than STS on purpose in four ways. Both documents must always allow, also within one account,
// where IAM would let a trust policy that names the caller stand alone. A parameter that the action does not
// have is refused, where STS ignores it. A managed policy in PolicyArns must have been added. And a policy
// element, condition operator or condition key that it cannot evaluate is an error when the document is added,
// so that no test passes because a condition was skipped.
package ststest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// maxBody bounds a request. STS's largest parameters (policy, tags, web identity token) stay far below it.
const maxBody = 256 << 10

// Server is one STS with the users, roles and devices of any number of accounts. Its methods may be called
// at any time from any goroutine.
type Server struct {
	// URL is the endpoint, "http://127.0.0.1:port"; empty for a server made by [New].
	URL string

	http    *http.Server
	done    chan struct{} // closed by Close: ends delayed and swallowed requests
	serving sync.WaitGroup

	mu        sync.Mutex
	closed    bool
	now       func() time.Time
	skew      time.Duration
	users     map[string]*user    // by ARN
	roles     map[string]*role    // by ARN
	keys      map[string]*userKey // by access key ID
	sessions  map[string]*session // by access key ID
	devices   map[string]*device  // by serial number
	providers map[string]*OIDCProvider
	managed   map[string]*document
	faults    []*Fault
	requests  []*Request
}

// New returns a server that does not listen; its [Server.Handler] is to be mounted by the caller.
func New() *Server {
	return &Server{
		done:      make(chan struct{}),
		now:       time.Now,
		skew:      5 * time.Minute,
		users:     map[string]*user{},
		roles:     map[string]*role{},
		keys:      map[string]*userKey{},
		sessions:  map[string]*session{},
		devices:   map[string]*device{},
		providers: map[string]*OIDCProvider{},
		managed:   map[string]*document{},
	}
}

// Start returns a server that listens on a free port of 127.0.0.1.
func Start() (*Server, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start STS: %w", err)
	}
	s := New()
	s.URL = "http://" + l.Addr().String()
	s.http = &http.Server{Handler: s.Handler(), ReadHeaderTimeout: time.Minute}
	s.serving.Go(func() {
		// Serve always returns an error; after Close it is ErrServerClosed, and before it nothing closes the listener.
		_ = s.http.Serve(l)
	})
	return s, nil
}

// Close stops listening, cuts every connection and waits for the requests in hand. It may be called twice.
func (s *Server) Close() error {
	s.mu.Lock()
	first := !s.closed
	s.closed = true
	s.mu.Unlock()
	var err error
	if first {
		close(s.done)
		if s.http != nil {
			err = s.http.Close()
		}
	}
	s.serving.Wait()
	return err
}

// enter reports whether a request may still be served; if so, Close waits for it.
func (s *Server) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.serving.Add(1)
	}
	return !s.closed
}

// Handler returns the STS endpoint as an http.Handler.
func (s *Server) Handler() http.Handler { return http.HandlerFunc(s.serve) }

// Now is the server's clock.
func (s *Server) Now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now()
}

// SetNow replaces the clock that expiry, MFA codes, signatures and the Date header go by. The function must be
// safe for concurrent use and must not call the server. Nil restores the system's clock.
func (s *Server) SetNow(now func() time.Time) {
	if now == nil {
		now = time.Now
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = now
}

// SetMaxSkew sets how far the date of a signature may be from the server's clock. It is 5 minutes, as AWS's; a
// simulated day, whose clients keep real time, needs more.
func (s *Server) SetMaxSkew(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.skew = d
}

// Request is one request as received. It holds no signature, no session token, and "***" for each secret parameter.
type Request struct {
	Time        time.Time         // by the server's clock, on arrival
	Action      string            // as sent; "" if there was none
	AccessKeyID string            // as claimed by the Authorization header
	Region      string            // of the credential scope
	UserAgent   string            // as sent
	Params      map[string]string // all but Action and Version; TokenCode and WebIdentityToken are "***"
	Status      int               // HTTP status of the answer; 0 while in hand and where no answer was sent
	ErrorCode   string            // of the answer, such as "AccessDenied"; "" for a success
}

// Calls returns how many requests for an action have arrived, whatever became of them.
func (s *Server) Calls(action string) int { return s.Counts()[action] }

// Counts returns the number of requests that have arrived, by action.
func (s *Server) Counts() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	counts := make(map[string]int)
	for _, r := range s.requests {
		counts[r.Action]++
	}
	return counts
}

// Requests returns a copy of all requests in the order of their arrival.
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

// ResetRequests forgets the requests so far, and with them the counts.
func (s *Server) ResetRequests() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = nil
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	if !s.enter() {
		s.drop(w, &Request{})
		return
	}
	defer s.serving.Done()

	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			s.answer(w, &Request{}, reply{err: fail(http.StatusRequestEntityTooLarge, "RequestEntityTooLarge", "Request body is too large")})
			return
		}
		s.drop(w, &Request{}) // the client has gone
		return
	}
	form, formErr := parseForm(r, body)
	rec, fault := s.arrive(r, form)

	if fault.Delay > 0 && !s.wait(r.Context(), fault.Delay) {
		s.drop(w, rec)
		return
	}
	if fault.before() {
		s.misbehave(w, r, rec, fault, reply{})
		return
	}
	var re reply
	if formErr != nil {
		re.err = formErr
	} else {
		re.result, re.err = s.dispatch(r, body, form, fault)
	}
	if fault.after() {
		s.misbehave(w, r, rec, fault, re)
		return
	}
	if fault.Kind == WrongDate {
		re.dateOffset = fault.By
	}
	s.answer(w, rec, re)
}

// wait waits and reports whether somebody still wants the answer.
func (s *Server) wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
	case <-s.done:
	}
	return false
}

// arrive records a request and takes the fault that it is to meet.
func (s *Server) arrive(r *http.Request, form map[string]string) (*Request, Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	rec := &Request{
		Time:      s.now(),
		Action:    form["Action"],
		UserAgent: r.UserAgent(),
		Params:    make(map[string]string, len(form)),
	}
	if a, err := parseAuthorization(r.Header.Get("Authorization")); err == nil {
		rec.AccessKeyID, rec.Region = a.keyID, a.region
	}
	for k, v := range form {
		switch k {
		case "Action", "Version":
		case "TokenCode", "WebIdentityToken":
			rec.Params[k] = "***"
		default:
			rec.Params[k] = v
		}
	}
	s.requests = append(s.requests, rec)
	return rec, s.takeFault(rec.Action)
}

// answer sends a reply and completes the record of its request.
func (s *Server) answer(w http.ResponseWriter, rec *Request, re reply) {
	s.mu.Lock()
	rec.Status, rec.ErrorCode = re.status(), ""
	if re.err != nil {
		rec.ErrorCode = re.err.code
	}
	date := s.now().Add(re.dateOffset)
	s.mu.Unlock()

	id := newRequestID()
	h := w.Header()
	h.Set("Content-Type", "text/xml")
	h.Set("X-Amzn-RequestId", id)
	h.Set("Date", date.UTC().Format(http.TimeFormat))
	if re.requestID != "" {
		id = re.requestID
	}
	body := re.body(id)
	w.WriteHeader(re.status())
	// A client that has gone needs no answer.
	_, _ = w.Write(body)
}

// parseForm reads the parameters of a query-protocol request. A name that is sent twice is refused: which of the two
// would count is not defined.
func parseForm(r *http.Request, body []byte) (map[string]string, *apiError) {
	if r.Method != http.MethodPost || r.URL.Path != "/" || r.URL.RawQuery != "" {
		return nil, fail(http.StatusNotFound, "UnknownOperationException", "this server takes POST requests to /")
	}
	if ct, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); strings.TrimSpace(ct) != "application/x-www-form-urlencoded" {
		return nil, fail(http.StatusBadRequest, "MalformedInput", "Content-Type must be application/x-www-form-urlencoded")
	}
	values, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, fail(http.StatusBadRequest, "MalformedQueryString", "The query string contains a syntax error")
	}
	form := make(map[string]string, len(values))
	for k, v := range values {
		if len(v) != 1 {
			return nil, fail(http.StatusBadRequest, "MalformedInput", "Parameter sent more than once: "+k)
		}
		form[k] = v[0]
	}
	return form, nil
}

// dispatch authenticates a request and hands it to its action.
func (s *Server) dispatch(r *http.Request, body []byte, form map[string]string, fault Fault) (any, *apiError) {
	action, version := form["Action"], form["Version"]
	p := newParams(form)

	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()

	if action == "" {
		return nil, fail(http.StatusBadRequest, "MissingAction", "Missing Action")
	}
	if version != apiVersion {
		return nil, invalidAction(action, version)
	}
	if action == "AssumeRoleWithWebIdentity" {
		// Unsigned by nature; a signature that is there all the same has to be right.
		if r.Header.Get("Authorization") != "" {
			if _, err := s.authenticate(r, body, now); err != nil {
				return nil, err
			}
		}
		return s.assumeRoleWithWebIdentity(p, now, fault)
	}
	c, err := s.authenticate(r, body, now)
	if err != nil {
		return nil, err
	}
	switch action {
	case "AssumeRole":
		return s.assumeRole(c, p, now, fault)
	case "GetSessionToken":
		return s.getSessionToken(c, p, now, fault)
	case "GetCallerIdentity":
		return s.getCallerIdentity(c, p)
	}
	return nil, invalidAction(action, version)
}

func invalidAction(action, version string) *apiError {
	return fail(http.StatusBadRequest, "InvalidAction", fmt.Sprintf("Could not find operation %s for version %s", action, version))
}
