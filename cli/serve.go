package cli

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"aws-credproc/cache"
	"aws-credproc/credproc"
	"aws-credproc/credproc/mfa"
	"aws-credproc/credproc/plan"
	"aws-credproc/internal/diag"
	"aws-credproc/profiles"
)

// endpoint gives credentials to whoever knows its token, in the way of a container's.
// https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html
type endpoint struct {
	host, token string
	server      *http.Server
	// credentials is asked for each answer. It may take as long as it has to: see shared.
	credentials func(context.Context) (cache.Session, error)
	timeout     time.Duration // of credentials
	failed      func(error)   // is told of what the SDKs often do not tell

	mu      sync.Mutex
	current *look // that is under way
}

// look is one try to get credentials.
type look struct {
	done chan struct{} // closed when there is an outcome
	s    cache.Session
	err  error
}

const endpointPath = "/credentials"

// startEndpoint starts an endpoint for a profile that has credentials to give, and says by which variables a command
// finds it.
func (h *handout) startEndpoint(ctx context.Context, profile string) (*endpoint, []variable, error) {
	f, err := h.files()
	if err != nil {
		return nil, nil, err
	}
	chain, region, err := h.resolve(f, profile)
	if err != nil {
		return nil, nil, err
	}
	r, err := h.longResolver()
	if err != nil {
		return nil, nil, err
	}
	s, err := r.Credentials(ctx, chain)
	if err != nil {
		return nil, nil, err
	}
	set := h.hideDefault(f)
	r = h.beside(r)
	e := &endpoint{token: rand.Text(), timeout: h.timeout, failed: func(err error) { h.calm.say("%v", err) }}
	e.credentials = func(ctx context.Context) (cache.Session, error) {
		f, err := h.files() // as they are by now
		if err != nil {
			return cache.Session{}, err
		}
		chain, _, err := h.resolve(f, profile)
		if err != nil {
			return cache.Session{}, err
		}
		s, err := r.Credentials(ctx, chain)
		if err == nil && r.ClaimsRenewal(chain, s) {
			go func() {
				ctx, cancel := context.WithTimeout(context.Background(), h.timeout)
				defer cancel()
				if err := r.Renew(ctx, chain); err != nil {
					h.trace("%v", err) // it is noted, and whoever finds the session used up meets it
				}
			}()
		}
		return s, err
	}
	if err := e.listen(); err != nil {
		return nil, nil, err
	}
	set = append(set, variable{"AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://" + e.host + endpointPath}, variable{"AWS_CONTAINER_AUTHORIZATION_TOKEN", e.token})
	return e, append(append(set, otherVariables(s, region)...), withoutProxy(os.Getenv)...), nil
}

// longResolver is a resolver for as long as a command runs. What no store takes, it remembers: else a machine without a
// store would assume the role again for each answer.
func (h *handout) longResolver() (*credproc.Resolver, error) {
	r, err := h.resolver()
	if err != nil {
		return nil, err
	}
	h.calm = &calm{app: h.app}
	r.Warnf = h.calm.warn
	r.Cache, err = cache.Open(cache.Options{Dir: h.stateDir(), Choice: h.store, Warnf: h.calm.warn, Memory: true})
	return r, err
}

// beside is a resolver for when a command runs: the terminal is the command's, and what is typed there too. So a person is
// asked in a window, or at the terminal if they said so.
func (h *handout) beside(r *credproc.Resolver) *credproc.Resolver {
	h.calm.begin()
	mode := h.prompt
	if mode == mfa.Auto {
		mode = mfa.GUI
	}
	later := *r
	later.TokenCodes = h.tokenCodes(mode, h.calm.warn)
	return &later
}

// calm says things to a person in whose terminal a command is at work, from when it begins: one a minute.
type calm struct {
	*app
	mu    sync.Mutex
	begun bool
	last  time.Time
}

func (c *calm) begin() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.begun = true
	c.app.warnf = c.warn // nobody asks the endpoint yet
}

func (c *calm) warn(format string, args ...any) {
	c.mu.Lock()
	begun := c.begun
	c.mu.Unlock()
	if begun {
		c.say("warning: "+format, args...)
		return
	}
	c.app.warn(format, args...)
}

func (c *calm) say(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := time.Now(); now.Sub(c.last) >= time.Minute {
		c.last = now
		c.app.say(format, args...)
		return
	}
	c.trace(format, args...)
}

// hideDefault gives variables that hide the files in which [default] has credentials: every SDK takes those before an
// endpoint's, and the command would work as somebody else.
func (h *handout) hideDefault(f *profiles.Files) (set []variable) {
	p, err := f.Profile("default")
	if err != nil {
		return nil // there is none, or no SDK can read it
	}
	hidden := map[string]bool{}
	for key, property := range p.Properties {
		if isCredentialSetting(key) {
			hidden[property.File] = true
		}
	}
	for _, file := range []variable{{"credentials", "AWS_SHARED_CREDENTIALS_FILE"}, {"config", "AWS_CONFIG_FILE"}} {
		if hidden[file.name] {
			h.warn("[default] in the %s file has credentials, which come before an endpoint's: the command does not see that file (%s=%s)", file.name, file.value, os.DevNull)
			set = append(set, variable{file.value, os.DevNull})
		}
	}
	return set
}

// isCredentialSetting reports whether a profile with this key takes its credentials from it, or fails for want of more.
func isCredentialSetting(key string) bool {
	switch key {
	case "aws_access_key_id", "aws_secret_access_key", "aws_session_token", "role_arn", "source_profile", "credential_source",
		"credential_process", "web_identity_token_file", "login_session":
		return true
	}
	return strings.HasPrefix(key, "sso_")
}

// withoutProxy gives variables that keep what asks the endpoint from doing so by way of a proxy. Some tools know NO_PROXY,
// some no_proxy, and some the second only where there is not the first.
func withoutProxy(getenv func(string) string) (set []variable) {
	isSet := func(name string) bool { return getenv(name) != "" }
	if !slices.ContainsFunc([]string{"HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"}, isSet) {
		return nil
	}
	names := []string{"NO_PROXY", "no_proxy"}
	if !slices.ContainsFunc(names, isSet) {
		return []variable{{names[0], loopback}, {names[1], loopback}}
	}
	for _, name := range names {
		if old := getenv(name); old != "" && old != "*" {
			set = append(set, variable{name, old + "," + loopback})
		}
	}
	return set
}

const loopback = "127.0.0.1"

// listen starts to answer at a free port of this machine.
func (e *endpoint) listen() error {
	l, err := net.Listen("tcp4", loopback+":0")
	if err != nil {
		return fmt.Errorf("exec: the endpoint cannot be opened: %w", err)
	}
	e.host = l.Addr().String()
	e.server = &http.Server{
		Handler:           e,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       5 * time.Second,
		WriteTimeout:      5*time.Second + e.timeout + grace,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          log.New(io.Discard, "", 0), // who knocks at the port is not to write on the terminal
	}
	go func() { _ = e.server.Serve(fromHere{l}) }() // it ends with close; before that nothing closes the listener
	return nil
}

func (e *endpoint) close() { _ = e.server.Close() } // the process ends anyway

// fromHere is a listener that answers nobody but this machine, by whatever route others come.
type fromHere struct{ net.Listener }

func (l fromHere) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if from, ok := conn.RemoteAddr().(*net.TCPAddr); ok && from.IP.IsLoopback() {
			return conn, nil
		}
		_ = conn.Close() // there is nothing to say to it
	}
}

// ServeHTTP answers with credentials, or with code and message. A status of 5xx says that asking again may help.
func (e *endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	refuse := func(status int, code, message string) {
		e.answer(w, status, map[string]string{"code": code, "message": message})
	}
	authorization := r.Header["Authorization"]
	switch {
	case r.Host != e.host: // a web page, by a name that leads here
		refuse(http.StatusForbidden, "AccessDenied", "this is "+e.host)
		return
	case len(authorization) != 1 || subtle.ConstantTimeCompare([]byte(authorization[0]), []byte(e.token)) != 1:
		refuse(http.StatusUnauthorized, "AccessDenied", "the token is not that of AWS_CONTAINER_AUTHORIZATION_TOKEN")
		return
	case r.URL.Path != endpointPath:
		refuse(http.StatusNotFound, "NotFound", "there is only "+endpointPath)
		return
	case r.Method != http.MethodGet:
		w.Header().Set("Allow", http.MethodGet)
		refuse(http.StatusMethodNotAllowed, "MethodNotAllowed", "there is only GET")
		return
	}
	s, err := e.shared(r.Context())
	if err != nil {
		if r.Context().Err() != nil {
			return // nobody waits for the answer any more
		}
		e.failed(err)
		refuse(failureStatus(err), "CredentialsUnavailable", printable(err.Error()))
		return
	}
	e.answer(w, http.StatusOK, containerCredentials(s, time.Now()))
}

// failureStatus is 503 for what passes, and else 403.
func failureStatus(err error) int {
	if e := (*diag.Error)(nil); errors.As(err, &e) && !e.Has(diag.Temporary) {
		return http.StatusForbidden
	}
	return http.StatusServiceUnavailable
}

// staticLife is after which time those who hold credentials that do not expire ask again: in the meantime somebody may
// have replaced them. An Expiration there must be: without one, botocore and the JavaScript SDK fail, and without a Token.
const staticLife = time.Hour

// containerCredentials is the answer of a container's endpoint.
func containerCredentials(s cache.Session, now time.Time) any {
	if s.Expiration.IsZero() {
		s.Expiration = now.Add(staticLife)
	}
	return struct {
		AccessKeyId     string //nolint:revive // AWS's spelling
		SecretAccessKey string
		Token           string
		Expiration      string
		AccountId       string `json:",omitempty"` //nolint:revive // AWS's spelling
	}{s.AccessKeyID, s.SecretAccessKey, s.SessionToken, s.Expiration.UTC().Format(time.RFC3339), s.AccountID}
}

func (e *endpoint) answer(w http.ResponseWriter, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		status, b = http.StatusInternalServerError, []byte("{}")
	}
	w.WriteHeader(status)
	_, _ = w.Write(plan.ASCII(b)) // an error: who asked has gone
}

// shared gives credentials. Those who ask at one time share one look for them, and it goes on when they have gone: an
// SDK waits a second or two for an answer and then asks again, while STS may take longer.
func (e *endpoint) shared(ctx context.Context) (cache.Session, error) {
	e.mu.Lock()
	l := e.current
	if l == nil {
		l = &look{done: make(chan struct{})}
		e.current = l
		go e.find(l)
	}
	e.mu.Unlock()
	select {
	case <-l.done:
		return l.s, l.err
	case <-ctx.Done():
		return cache.Session{}, ctx.Err()
	}
}

func (e *endpoint) find(l *look) {
	ctx, cancel := context.WithTimeout(context.Background(), e.timeout)
	defer cancel()
	found := make(chan look, 1)
	go func() {
		s, err := e.credentials(ctx)
		found <- look{s: s, err: err}
	}()
	select {
	case f := <-found:
		l.s, l.err = f.s, f.err
	case <-time.After(e.timeout + grace): // something below heeds no context
		l.err = fmt.Errorf("no end within the time allowed, %s", e.timeout)
	}
	e.mu.Lock()
	e.current = nil
	e.mu.Unlock()
	close(l.done)
}
