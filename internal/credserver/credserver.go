// Package credserver serves credentials on the loopback interface, as the endpoint of a container
// does. SDKs find it by AWS_CONTAINER_CREDENTIALS_FULL_URI and AWS_CONTAINER_AUTHORIZATION_TOKEN.
//
// https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html
package credserver

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
	"sync"
	"time"

	"aws-credproc/internal/diag"
	"aws-credproc/internal/terminal"
)

// Loopback is the only address that a [Server] listens on.
const Loopback = "127.0.0.1"

const path = "/credentials"

// Credentials are what a [Server] returns.
type Credentials struct {
	AccessKeyID, SecretAccessKey, SessionToken, AccountID string
	Expiration                                            time.Time // zero if they do not expire
}

// Options are the settings of a [Server].
type Options struct {
	// Lookup returns the credentials. Concurrent requests share one call.
	Lookup  func(context.Context) (Credentials, error)
	Timeout time.Duration // of one lookup
	// Grace is how long a lookup may take after its context has ended.
	Grace time.Duration
	// Failed is called with the error of a lookup, because many SDKs do not show the server's
	// response.
	Failed func(error)
}

// Server is an HTTP server for one set of credentials. It responds only to requests from this
// machine that have its token.
type Server struct {
	Options
	host, token string
	tokenDir    string // "" unless WriteToken has made it
	server      *http.Server
	listener    *net.TCPListener

	mu       sync.Mutex
	inflight *lookup // nil while no lookup runs
}

// Start starts a server on a free port, with a new token.
func Start(o Options) (*Server, error) {
	s := &Server{Options: o, token: rand.Text()}
	l, err := net.Listen("tcp4", Loopback+":0")
	if err != nil {
		return nil, fmt.Errorf("exec: cannot open the credentials endpoint: %w", err)
	}
	s.listener = l.(*net.TCPListener)
	s.host = l.Addr().String()
	s.server = &http.Server{
		Handler:           s,
		ReadHeaderTimeout: requestTimeout,
		ReadTimeout:       requestTimeout,
		WriteTimeout:      5*time.Second + s.Timeout + s.Grace,
		IdleTimeout:       time.Minute, // only connections with the token are kept
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          log.New(io.Discard, "", 0), // clients must not write to the terminal
	}
	limited := &unauthenticated{}
	s.server.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		return context.WithValue(ctx, trustKey{}, func() { limited.remove(c) })
	}
	s.server.ConnState = func(c net.Conn, state http.ConnState) {
		if state == http.StateClosed || state == http.StateHijacked {
			limited.remove(c)
		}
	}
	go func() { _ = s.server.Serve(guardedListener{l, limited}) }() // returns after Close
	return s, nil
}

// requestTimeout is how long a request may take to arrive. On a machine that is very busy, a client
// needs seconds.
const requestTimeout = 10 * time.Second

// URL returns the URL of the credentials.
func (s *Server) URL() string { return "http://" + s.host + path }

// Listener returns a duplicate of the server's listening socket. The port stays taken while it is
// open, also after Close.
func (s *Server) Listener() (*os.File, error) { return s.listener.File() }

// Token returns the value that requests need in their Authorization header.
func (s *Server) Token() string { return s.token }

// Close stops the server, closes its connections and deletes the token's file.
func (s *Server) Close() error {
	err := s.server.Close()
	if s.tokenDir != "" {
		err = errors.Join(err, os.RemoveAll(s.tokenDir))
	}
	return err
}

// ServeHTTP responds with the credentials, or with a code and a message. A status of 5xx means that
// the client may try again.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	refuse := func(status int, code, message string) {
		w.Header().Set("Connection", "close")
		respond(w, status, map[string]string{"code": code, "message": message})
	}
	switch {
	case r.Host != s.host: // a web page whose host name resolves to this machine (DNS rebinding)
		refuse(http.StatusForbidden, "AccessDenied", "the Host header is not "+s.host)
		return
	case !s.isAuthorized(r):
		refuse(http.StatusUnauthorized, "AccessDenied",
			"the Authorization header is not the value of AWS_CONTAINER_AUTHORIZATION_TOKEN")
		return
	case r.URL.Path != path:
		refuse(http.StatusNotFound, "NotFound", "the only path is "+path)
		return
	case r.Method != http.MethodGet:
		w.Header().Set("Allow", http.MethodGet)
		refuse(http.StatusMethodNotAllowed, "MethodNotAllowed", "the only method is GET")
		return
	}
	if trust, ok := r.Context().Value(trustKey{}).(func()); ok {
		trust()
	}
	credentials, err := s.shared(r.Context())
	if err != nil {
		if r.Context().Err() != nil {
			return // the client has disconnected
		}
		s.Failed(err)
		refuse(failureStatus(err), "CredentialsUnavailable", terminal.Printable(err.Error()))
		return
	}
	respond(w, http.StatusOK, response(credentials, time.Now()))
}

func (s *Server) isAuthorized(r *http.Request) bool {
	values := r.Header["Authorization"]
	return len(values) == 1 && subtle.ConstantTimeCompare([]byte(values[0]), []byte(s.token)) == 1
}

// failureStatus returns 503 for a failure that may pass, else 403.
func failureStatus(err error) int {
	if e := (*diag.Error)(nil); errors.As(err, &e) && !e.Has(diag.Temporary) {
		return http.StatusForbidden
	}
	return http.StatusServiceUnavailable
}

// staticLifetime is the lifetime reported for credentials that do not expire, so that clients ask
// again and get replaced keys. botocore and the JavaScript SDK need an Expiration and a Token.
const staticLifetime = time.Hour

// response returns the JSON value in the format of a container credentials endpoint.
func response(c Credentials, now time.Time) any {
	if c.Expiration.IsZero() {
		c.Expiration = now.Add(staticLifetime)
	}
	return struct {
		AccessKeyId     string //nolint:revive // AWS's spelling
		SecretAccessKey string
		Token           string
		Expiration      string
		AccountId       string `json:",omitempty"` //nolint:revive // AWS's spelling
	}{
		c.AccessKeyID, c.SecretAccessKey, c.SessionToken,
		c.Expiration.UTC().Format(time.RFC3339), c.AccountID,
	}
}

func respond(w http.ResponseWriter, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		status, b = http.StatusInternalServerError, []byte("{}")
	}
	w.WriteHeader(status)
	_, _ = w.Write(b) // fails only if the client has gone
}
