// Package credserver serves credentials on the loopback interface or a link-local address, as the
// endpoint of a container does. SDKs find it by AWS_CONTAINER_CREDENTIALS_FULL_URI and
// AWS_CONTAINER_AUTHORIZATION_TOKEN.
//
// https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html
package credserver

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"aws-credproc/internal/diag"
	"aws-credproc/internal/terminal"
)

// Path is the path of the credentials if there are those of one profile only.
const Path = "/credentials"

// Credentials are what a [Server] returns.
type Credentials struct {
	AccessKeyID, SecretAccessKey, SessionToken, AccountID string
	Expiration                                            time.Time // zero if they do not expire
}

// Options are the settings of a [Server].
type Options struct {
	// Lookups return the credentials of each path. Concurrent requests of a path share one call.
	Lookups map[string]Lookup
	Timeout time.Duration // of one lookup
	// Grace is how long a lookup may take after its context has ended.
	Grace time.Duration
	// Failed is called with the error of a lookup, because many SDKs do not show the server's
	// response.
	Failed func(error)
	// Address is where the server listens: see [CheckAddress]. The zero value means a free port of
	// 127.0.0.1.
	Address netip.AddrPort
	// Token is what requests need in their Authorization header. If it is "", there is a new one.
	Token string
	// AnyUser accepts connections of other users to a loopback address.
	AnyUser bool
	// Refused, if it is not nil, is called with the owner of a connection that was closed because it
	// is another user's.
	Refused func(uid uint32)
}

// Server is an HTTP server for credentials. It responds only to requests from this machine, or from
// containers on its link, that have its token.
type Server struct {
	Options
	host      string
	temporary string // a file or directory that Close deletes, if it is not ""
	server    *http.Server
	listener  *net.TCPListener
	inflight  inflight
}

// Start starts a server.
func Start(o Options) (*Server, error) {
	s := &Server{Options: o}
	if !s.Address.IsValid() {
		s.Address = netip.MustParseAddrPort(Loopback + ":0")
	}
	if s.Token == "" {
		s.Token = rand.Text()
	}
	l, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(s.Address))
	if err != nil {
		return nil, listenError(s.Address, err)
	}
	s.listener = l
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
	guarded := guardedListener{l, limited, s.allows}
	go func() { _ = s.server.Serve(guarded) }() // returns after Close
	return s, nil
}

// requestTimeout is how long a request may take to arrive. On a machine that is very busy, a client
// needs seconds.
const requestTimeout = 10 * time.Second

// URL returns the URL of the credentials of a path.
func (s *Server) URL(path string) string {
	u := url.URL{Scheme: "http", Host: strings.TrimSuffix(s.host, ":80"), Path: path}
	return u.String()
}

// Listener returns a duplicate of the server's listening socket. The port stays taken while it is
// open, also after Close.
func (s *Server) Listener() (*os.File, error) { return s.listener.File() }

// Close stops the server, closes its connections and deletes the token's file, if it has made it.
func (s *Server) Close() error {
	err := s.server.Close()
	if s.temporary != "" {
		err = errors.Join(err, os.RemoveAll(s.temporary))
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
	lookup, isKnown := s.Lookups[r.URL.Path]
	switch {
	case !s.isHost(r.Host): // a web page whose host name resolves to this machine (DNS rebinding)
		refuse(http.StatusForbidden, "AccessDenied", "the Host header is not "+s.host)
		return
	case !s.isAuthorized(r):
		refuse(http.StatusUnauthorized, "AccessDenied",
			"the Authorization header is not the value of AWS_CONTAINER_AUTHORIZATION_TOKEN")
		return
	case !isKnown:
		paths := slices.Sorted(maps.Keys(s.Lookups))
		refuse(http.StatusNotFound, "NotFound", "the path is not "+strings.Join(paths, " or "))
		return
	case r.Method != http.MethodGet:
		w.Header().Set("Allow", http.MethodGet)
		refuse(http.StatusMethodNotAllowed, "MethodNotAllowed", "the only method is GET")
		return
	}
	if trust, ok := r.Context().Value(trustKey{}).(func()); ok {
		trust()
	}
	credentials, err := s.shared(r.Context(), r.URL.Path, lookup)
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

// isHost reports whether host is that of the URL. Clients leave out the port 80.
func (s *Server) isHost(host string) bool {
	return host == s.host || host+":80" == s.host
}

func (s *Server) isAuthorized(r *http.Request) bool {
	values := r.Header["Authorization"]
	return len(values) == 1 && subtle.ConstantTimeCompare([]byte(values[0]), []byte(s.Token)) == 1
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
