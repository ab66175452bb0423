package ssotest

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// page is what a user sees. It has a button to allow a sign-in and one to deny it.
const page = `<!doctype html><title>Access portal</title>
<form method="post"><button name="decision" value="allow">Allow access</button>
<button name="decision" value="deny">Deny access</button></form>`

// decision returns what the user of a request decides. The mutex is held.
func (s *Server) decision(r *http.Request) Consent {
	if r.Method == http.MethodGet {
		return s.settings.Consent
	}
	if r.PostFormValue("decision") == "allow" {
		return Allow
	}
	return Deny
}

// authorizePage is the authorization endpoint of RFC 6749, section 4.1, with PKCE.
func (s *Server) authorizePage(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls["authorize"]++
	q := r.URL.Query()
	redirect, problem := s.checkAuthorization(q)
	if problem != "" {
		http.Error(w, "invalid_request: "+problem, http.StatusBadRequest)
		return
	}
	answer := url.Values{"state": {q.Get("state")}}
	switch s.decision(r) {
	case Ask:
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, page)
		return
	case Deny:
		answer.Set("error", "access_denied")
	case Allow:
		text := rand.Text()
		s.codes[text] = &code{
			clientID: q.Get("client_id"), redirectURI: q.Get("redirect_uri"),
			challenge: q.Get("code_challenge"), expires: s.settings.Now().Add(time.Minute),
		}
		answer.Set("code", text)
	}
	redirect.RawQuery = answer.Encode()
	http.Redirect(w, r, redirect.String(), http.StatusFound)
}

// checkAuthorization returns the redirect URI of an authorization request, or what is wrong.
func (s *Server) checkAuthorization(q url.Values) (redirect *url.URL, problem string) {
	for name, values := range q {
		known := []string{"response_type", "client_id", "redirect_uri", "state", "scopes",
			"code_challenge", "code_challenge_method"}
		if len(values) != 1 || !slices.Contains(known, name) {
			return nil, name
		}
	}
	c, ok := s.clients[q.Get("client_id")]
	if !ok || !s.settings.Now().Before(c.expires) || !c.allows(codeGrant) {
		return nil, "client_id"
	}
	redirect, err := url.Parse(q.Get("redirect_uri"))
	if err != nil || redirect.Port() == "" {
		return nil, "redirect_uri"
	}
	withoutPort := *redirect // the port may be any, RFC 8252, section 7.3
	withoutPort.Host = redirect.Hostname()
	switch {
	case !slices.Contains(c.redirectURIs, withoutPort.String()):
		return nil, "redirect_uri"
	case q.Get("response_type") != "code":
		return nil, "response_type"
	case len(q.Get("state")) < 16:
		return nil, "state"
	case q.Get("code_challenge_method") != "S256" || len(q.Get("code_challenge")) != 43:
		return nil, "code_challenge"
	}
	for scope := range strings.FieldsSeq(q.Get("scopes")) {
		if !slices.Contains(c.scopes, scope) {
			return nil, "scopes"
		}
	}
	return redirect, ""
}

// devicePage is the verification page of RFC 8628.
func (s *Server) devicePage(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls["device"]++
	for _, d := range s.devices {
		if d.userCode != r.URL.Query().Get("user_code") || !s.settings.Now().Before(d.expires) {
			continue
		}
		switch s.decision(r) {
		case Allow:
			d.allowed = true
		case Deny:
			d.denied = true
		case Ask:
			w.Header().Set("Content-Type", "text/html")
			fmt.Fprint(w, page)
			return
		}
		fmt.Fprintln(w, "You can close this window.")
		return
	}
	http.Error(w, "unknown code", http.StatusBadRequest)
}

// Allow allows all sign-ins with a code, as if their pages had been visited.
func (s *Server) Allow() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range s.devices {
		d.allowed = true
	}
}
