// Package ssotest is a strict IAM Identity Center on loopback, for tests: the OIDC service that
// signs users in, the access portal, and the web pages on which a user allows or denies a sign-in.
//
// It implements RegisterClient, StartDeviceAuthorization and CreateToken of
// https://docs.aws.amazon.com/singlesignon/latest/OIDCAPIReference/, and GetRoleCredentials,
// ListAccounts, ListAccountRoles and Logout of
// https://docs.aws.amazon.com/singlesignon/latest/PortalAPIReference/. Clients reach it with
// AWS_ENDPOINT_URL_SSO_OIDC and AWS_ENDPOINT_URL_SSO. It verifies PKCE (RFC 7636), accepts codes
// and refresh tokens once, lets registrations, codes and tokens expire, and enforces the polling
// interval of the device flow (RFC 8628). It is stricter than AWS: unknown parameters are refused.
package ssotest

import (
	"cmp"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"time"
)

// Consent is what the user does on the page of a sign-in.
type Consent int

const (
	// Ask shows a page with two buttons.
	Ask Consent = iota
	// Allow allows a sign-in as soon as its page is opened.
	Allow
	// Deny denies it.
	Deny
)

// Account is an AWS account that users can get roles in.
type Account struct {
	ID, Name, Email string
	Roles           []string
}

// Credentials are those of a role.
type Credentials struct {
	AccessKeyID, SecretAccessKey, SessionToken string
	Expiration                                 time.Time
}

// Settings are the properties of a [Server]. Zero values are the defaults.
type Settings struct {
	StartURL             string        // https://example.awsapps.com/start
	TokenLifetime        time.Duration // 8 hours
	RegistrationLifetime time.Duration // 90 days
	DeviceLifetime       time.Duration // 10 minutes
	Interval             time.Duration // between polls of the device flow, 1 second
	PageSize             int           // of lists, if the client asks for no smaller one; 100
	Consent              Consent
	Now                  func() time.Time // the server's clock
	// Credentials returns the credentials of a role. The default makes some up.
	Credentials func(account, role string) Credentials
}

// Server is an IAM Identity Center. It is safe for concurrent use.
type Server struct {
	URL string // of all its services, "http://127.0.0.1:port"

	http *httptest.Server

	mu       sync.Mutex
	settings Settings
	accounts []Account
	clients  map[string]*client
	devices  map[string]*device // by device code
	codes    map[string]*code
	refresh  map[string]*grant    // by refresh token
	access   map[string]time.Time // expiry by access token
	faults   []*Fault
	calls    map[string]int
}

// Start returns a server that listens on a free port of 127.0.0.1.
func Start(settings Settings) *Server {
	s := &Server{
		clients: map[string]*client{}, devices: map[string]*device{}, codes: map[string]*code{},
		refresh: map[string]*grant{}, access: map[string]time.Time{}, calls: map[string]int{},
	}
	s.Set(settings)
	s.http = httptest.NewServer(s.Handler())
	s.URL = s.http.URL
	return s
}

// Close stops the server.
func (s *Server) Close() { s.http.Close() }

// Set replaces the settings.
func (s *Server) Set(settings Settings) {
	settings.StartURL = cmp.Or(settings.StartURL, "https://example.awsapps.com/start")
	settings.TokenLifetime = cmp.Or(settings.TokenLifetime, 8*time.Hour)
	settings.RegistrationLifetime = cmp.Or(settings.RegistrationLifetime, 90*24*time.Hour)
	settings.DeviceLifetime = cmp.Or(settings.DeviceLifetime, 10*time.Minute)
	settings.Interval = cmp.Or(settings.Interval, time.Second)
	settings.PageSize = cmp.Or(settings.PageSize, 100)
	if settings.Now == nil {
		settings.Now = time.Now
	}
	if settings.Credentials == nil {
		settings.Credentials = func(string, string) Credentials {
			return Credentials{"ASIA" + rand.Text()[:16], rand.Text(), rand.Text(),
				time.Now().Add(time.Hour)}
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settings = settings
}

// SetAccounts replaces the accounts.
func (s *Server) SetAccounts(accounts ...Account) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.accounts = accounts
}

// Calls returns the number of requests for an action, including refused ones.
func (s *Server) Calls(action string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[action]
}

// Fault is a failure of the server. It applies to the next Times requests (0 means 1) for an
// action.
type Fault struct {
	Action string
	Times  int
	Status int    // of the response, 400 if 0
	Code   string // the error code, such as "SlowDownException"
	Body   string // the response instead of an error
	Date   string // the Date header, if the request is executed normally: with Status 0 and Code ""
}

// Fault adds a fault.
func (s *Server) Fault(f Fault) {
	f.Times = cmp.Or(f.Times, 1)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, &f)
}

// takeFault returns the fault for a request, nil if there is none.
func (s *Server) takeFault(action string) *Fault {
	i := slices.IndexFunc(s.faults, func(f *Fault) bool { return f.Action == action })
	if i < 0 {
		return nil
	}
	f := s.faults[i]
	if f.Times--; f.Times == 0 {
		s.faults = slices.Delete(s.faults, i, i+1)
	}
	return f
}

// Handler returns the handler of all services, to be served at another address too.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	for pattern, action := range map[string]struct {
		name string
		do   func(*http.Request) (any, *apiError)
	}{
		"POST /client/register":      {"RegisterClient", s.registerClient},
		"POST /device_authorization": {"StartDeviceAuthorization", s.startDevice},
		"POST /token":                {"CreateToken", s.createToken},
		"GET /federation/credentials": {"GetRoleCredentials",
			s.withToken(s.getRoleCredentials)},
		"GET /assignment/accounts": {"ListAccounts", s.withToken(s.listAccounts)},
		"GET /assignment/roles":    {"ListAccountRoles", s.withToken(s.listAccountRoles)},
		"POST /logout":             {"Logout", s.withToken(s.logout)},
	} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.serve(w, r, action.name, action.do)
		})
	}
	mux.HandleFunc("GET /authorize", s.authorizePage)
	mux.HandleFunc("POST /authorize", s.authorizePage)
	mux.HandleFunc("GET /device", s.devicePage)
	mux.HandleFunc("POST /device", s.devicePage)
	return mux
}

// serve answers a request for an action. The mutex is held.
func (s *Server) serve(w http.ResponseWriter, r *http.Request, name string,
	do func(*http.Request) (any, *apiError)) {
	s.calls[name]++
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Date", s.settings.Now().UTC().Format(http.TimeFormat))
	if f := s.takeFault(name); f != nil {
		switch {
		case f.Date != "":
			w.Header().Set("Date", f.Date)
		case f.Body != "":
			w.WriteHeader(cmp.Or(f.Status, http.StatusOK))
			_, _ = w.Write([]byte(f.Body)) // fails only if the client is gone
			return
		default:
			fail(cmp.Or(f.Status, http.StatusBadRequest), f.Code, "made to fail").write(w)
			return
		}
	}
	answer, err := do(r)
	if err != nil {
		err.write(w)
		return
	}
	_ = json.NewEncoder(w).Encode(answer) // fails only if the client is gone
}

// apiError is a refusal of a service.
type apiError struct {
	status        int
	code, message string
}

func fail(status int, code, message string) *apiError { return &apiError{status, code, message} }

func badRequest(code, message string) *apiError { return fail(http.StatusBadRequest, code, message) }

func (e *apiError) write(w http.ResponseWriter) {
	w.Header().Set("X-Amzn-ErrorType", e.code)
	w.WriteHeader(e.status)
	// The OIDC service has error and error_description, the portal has message.
	_ = json.NewEncoder(w).Encode(map[string]string{
		"error": e.code, "error_description": e.message, "message": e.message,
	})
}
