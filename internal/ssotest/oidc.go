package ssotest

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// The grant types of CreateToken.
const (
	codeGrant    = "authorization_code"
	deviceGrant  = "urn:ietf:params:oauth:grant-type:device_code"
	refreshGrant = "refresh_token"
)

// client is a registered client.
type client struct {
	secret       string
	expires      time.Time
	grants       []string // none means all but codeGrant
	redirectURIs []string
	scopes       []string
}

func (c *client) allows(grant string) bool {
	if len(c.grants) == 0 {
		return grant != codeGrant
	}
	return slices.Contains(c.grants, grant)
}

// device is a sign-in with a user code.
type device struct {
	clientID, userCode string
	expires, nextPoll  time.Time
	interval           time.Duration
	allowed, denied    bool
}

// code is an authorization code.
type code struct {
	clientID, redirectURI, challenge string
	expires                          time.Time
}

// grant is a sign-in that can be renewed.
type grant struct{ clientID string }

const maxBody = 64 << 10

// parse decodes the JSON body of a request. Unknown parameters are an error.
func parse(r *http.Request, in any) *apiError {
	if t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil ||
		t != "application/json" {
		return badRequest("InvalidRequestException", "Content-Type must be application/json")
	}
	d := json.NewDecoder(io.LimitReader(r.Body, maxBody))
	d.DisallowUnknownFields()
	if err := d.Decode(in); err != nil {
		return badRequest("InvalidRequestException", err.Error())
	}
	return nil
}

// registerClient implements RegisterClient.
func (s *Server) registerClient(r *http.Request) (any, *apiError) {
	var in struct {
		ClientName, ClientType, IssuerURL string
		GrantTypes, RedirectURIs, Scopes  []string
	}
	if err := parse(r, &in); err != nil {
		return nil, err
	}
	c := &client{
		secret: rand.Text(), expires: s.settings.Now().Add(s.settings.RegistrationLifetime),
		grants: in.GrantTypes, redirectURIs: in.RedirectURIs, scopes: in.Scopes,
	}
	switch {
	case in.ClientName == "" || in.ClientType != "public":
		return nil, badRequest("InvalidClientMetadataException", "clientName or clientType")
	case in.IssuerURL != "" && in.IssuerURL != s.settings.StartURL:
		return nil, badRequest("InvalidRequestException", "unknown issuerUrl")
	case slices.Contains(in.GrantTypes, codeGrant) &&
		(in.IssuerURL == "" || len(in.RedirectURIs) == 0):
		return nil, badRequest("InvalidRequestException", "issuerUrl and redirectUris are required")
	}
	for _, g := range in.GrantTypes {
		if g != codeGrant && g != deviceGrant && g != refreshGrant {
			return nil, badRequest("UnsupportedGrantTypeException", g)
		}
	}
	for _, uri := range in.RedirectURIs {
		u, err := url.Parse(uri)
		if err != nil || u.Scheme != "http" || u.Host != "127.0.0.1" || u.Path != "/oauth/callback" {
			return nil, badRequest("InvalidRedirectUriException", uri)
		}
	}
	for _, scope := range in.Scopes {
		if !strings.Contains(scope, ":") {
			return nil, badRequest("InvalidScopeException", scope)
		}
	}
	id := rand.Text()
	s.clients[id] = c
	return map[string]any{
		"clientId": id, "clientSecret": c.secret, "clientIdIssuedAt": s.settings.Now().Unix(),
		"clientSecretExpiresAt": c.expires.Unix(),
	}, nil
}

// authenticate returns the client with an ID and a secret.
func (s *Server) authenticate(id, secret, grant string) (*client, *apiError) {
	c, ok := s.clients[id]
	switch {
	case !ok || c.secret != secret:
		return nil, fail(http.StatusUnauthorized, "InvalidClientException", "wrong client or secret")
	case !s.settings.Now().Before(c.expires):
		return nil, fail(http.StatusUnauthorized, "InvalidClientException", "expired registration")
	case !c.allows(grant):
		return nil, badRequest("UnauthorizedClientException", grant)
	}
	return c, nil
}

// startDevice implements StartDeviceAuthorization.
func (s *Server) startDevice(r *http.Request) (any, *apiError) {
	var in struct{ ClientID, ClientSecret, StartURL string }
	if err := parse(r, &in); err != nil {
		return nil, err
	}
	if _, err := s.authenticate(in.ClientID, in.ClientSecret, deviceGrant); err != nil {
		return nil, err
	}
	if in.StartURL != s.settings.StartURL {
		return nil, badRequest("InvalidRequestException", "unknown startUrl")
	}
	text := rand.Text()
	d := &device{
		clientID: in.ClientID, userCode: text[:4] + "-" + text[4:8],
		expires:  s.settings.Now().Add(s.settings.DeviceLifetime),
		interval: s.settings.Interval,
	}
	deviceCode := rand.Text()
	s.devices[deviceCode] = d
	return map[string]any{
		"deviceCode": deviceCode, "userCode": d.userCode,
		"verificationUri":         s.URL + "/device",
		"verificationUriComplete": s.URL + "/device?user_code=" + d.userCode,
		"expiresIn":               int(s.settings.DeviceLifetime.Seconds()),
		"interval":                int(s.settings.Interval.Seconds()),
	}, nil
}

// tokenInput are the parameters of CreateToken.
type tokenInput struct {
	ClientID, ClientSecret, GrantType string
	Code, CodeVerifier, RedirectURI   string
	DeviceCode, RefreshToken          string
	Scope                             []string
}

// createToken implements CreateToken.
func (s *Server) createToken(r *http.Request) (any, *apiError) {
	var in tokenInput
	if err := parse(r, &in); err != nil {
		return nil, err
	}
	c, err := s.authenticate(in.ClientID, in.ClientSecret, in.GrantType)
	if err != nil {
		return nil, err
	}
	switch in.GrantType {
	case codeGrant:
		err = s.redeemCode(in)
	case deviceGrant:
		err = s.redeemDevice(in)
	case refreshGrant:
		err = s.redeemRefresh(in)
	default:
		err = badRequest("UnsupportedGrantTypeException", in.GrantType)
	}
	if err != nil {
		return nil, err
	}
	answer := map[string]any{
		"accessToken": s.issue(), "tokenType": "Bearer",
		"expiresIn": int(s.settings.TokenLifetime.Seconds()),
	}
	if len(c.scopes) > 0 && c.allows(refreshGrant) {
		token := "refresh-" + rand.Text()
		s.refresh[token] = &grant{in.ClientID}
		answer["refreshToken"] = token
	}
	return answer, nil
}

// issue returns a new access token.
func (s *Server) issue() string {
	token := "access-" + rand.Text()
	s.access[token] = s.settings.Now().Add(s.settings.TokenLifetime)
	return token
}

// redeemCode checks an authorization code. A code is used up by the first attempt.
func (s *Server) redeemCode(in tokenInput) *apiError {
	c, ok := s.codes[in.Code]
	delete(s.codes, in.Code)
	sum := sha256.Sum256([]byte(in.CodeVerifier))
	switch {
	case !ok || c.clientID != in.ClientID || c.redirectURI != in.RedirectURI ||
		!s.settings.Now().Before(c.expires):
		return badRequest("InvalidGrantException", "wrong code")
	case len(in.CodeVerifier) < 43 || len(in.CodeVerifier) > 128 ||
		base64.RawURLEncoding.EncodeToString(sum[:]) != c.challenge:
		return badRequest("InvalidGrantException", "wrong codeVerifier")
	}
	return nil
}

// redeemDevice checks a device code.
// https://www.rfc-editor.org/rfc/rfc8628#section-3.5
func (s *Server) redeemDevice(in tokenInput) *apiError {
	d, ok := s.devices[in.DeviceCode]
	now := s.settings.Now()
	switch {
	case !ok || d.clientID != in.ClientID:
		return badRequest("InvalidGrantException", "wrong deviceCode")
	case !now.Before(d.expires):
		return badRequest("ExpiredTokenException", "expired deviceCode")
	case now.Before(d.nextPoll):
		d.interval += 5 * time.Second
		d.nextPoll = now.Add(d.interval)
		return badRequest("SlowDownException", "polled too often")
	case d.denied:
		return badRequest("AccessDeniedException", "denied by the user")
	case !d.allowed:
		// The client's clock and its timers are not exact.
		d.nextPoll = now.Add(d.interval - d.interval/20)
		return badRequest("AuthorizationPendingException", "not yet")
	}
	delete(s.devices, in.DeviceCode)
	return nil
}

// redeemRefresh checks a refresh token and uses it up.
func (s *Server) redeemRefresh(in tokenInput) *apiError {
	g, ok := s.refresh[in.RefreshToken]
	if !ok || g.clientID != in.ClientID {
		return badRequest("InvalidGrantException", "wrong refreshToken")
	}
	delete(s.refresh, in.RefreshToken)
	return nil
}
