package ststest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// OIDCProvider is an OpenID Connect provider of an account.
type OIDCProvider struct {
	Account   string   // 12 digits; only roles of this account can trust it
	Issuer    string   // the tokens' iss, such as "https://token.example.com/tenant"
	ClientIDs []string // accepted audiences
	Key       []byte   // verifies tokens by HS256
}

// ARN returns the provider's ARN, the Federated principal of a trust policy.
func (p OIDCProvider) ARN() string {
	return "arn:aws:iam::" + p.Account + ":oidc-provider/" + strings.TrimPrefix(p.Issuer, "https://")
}

// AddOIDCProvider adds a provider, or replaces the one with the same ARN.
func (s *Server) AddOIDCProvider(p OIDCProvider) error {
	if !isAccount(p.Account) || !strings.HasPrefix(p.Issuer, "https://") || len(p.Key) == 0 {
		return fmt.Errorf("provider %q needs an account, an https issuer and a key", p.Issuer)
	}
	p.ClientIDs, p.Key = slices.Clone(p.ClientIDs), slices.Clone(p.Key)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.iam.providers[p.ARN()] = p
	return nil
}

// SignToken returns a JSON Web Token (RFC 7519) signed by HS256.
func SignToken(key []byte, claims map[string]any) (string, error) {
	c, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("sign token: %w", err)
	}
	signed := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." +
		base64.RawURLEncoding.EncodeToString(c)
	return signed + "." + base64.RawURLEncoding.EncodeToString(tokenMAC(key, signed)), nil
}

func tokenMAC(key []byte, signed string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(signed))
	return h.Sum(nil)
}

// token is a web identity token.
type token struct {
	algorithm string
	claims    claims
	signed    string // header and payload
	signature []byte
}

type claims struct {
	Issuer         string          `json:"iss"`
	Subject        string          `json:"sub"`
	Audience       json.RawMessage `json:"aud"`
	Expires        int64           `json:"exp"`
	NotBefore      int64           `json:"nbf"`
	Issued         int64           `json:"iat"`
	Tags           json.RawMessage `json:"https://aws.amazon.com/tags"`
	SourceIdentity json.RawMessage `json:"https://aws.amazon.com/source_identity"`
}

// parseToken parses a token and does not verify it. Errors do not quote it.
func parseToken(text string) (*token, error) {
	parts := strings.Split(text, ".")
	if len(parts) != 3 {
		return nil, errors.New("a token has three parts")
	}
	var raw [3][]byte
	for i, p := range parts {
		b, err := base64.RawURLEncoding.Strict().DecodeString(p)
		if err != nil || len(b) == 0 {
			return nil, errors.New("a part of the token is not base64url")
		}
		raw[i] = b
	}
	t := &token{signed: parts[0] + "." + parts[1], signature: raw[2]}
	var header struct {
		Algorithm string `json:"alg"`
	}
	if json.Unmarshal(raw[0], &header) != nil || json.Unmarshal(raw[1], &t.claims) != nil {
		return nil, errors.New("a part of the token is not valid JSON")
	}
	t.algorithm = header.Algorithm
	if t.claims.Tags != nil || t.claims.SourceIdentity != nil {
		return nil, errors.New("session tags and source identity in a token are not supported")
	}
	return t, nil
}

// audience returns the audience; "" if there is none or more than one.
func (c claims) audience() string {
	var list List
	if len(c.Audience) == 0 || json.Unmarshal(c.Audience, &list) != nil || len(list) != 1 {
		return ""
	}
	return list[0]
}

// assumeRoleWithWebIdentity needs a token of a provider that the role's trust policy names.
// https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html
func (c *call) assumeRoleWithWebIdentity() (*result, *apiError) {
	req := c.roleRequest()
	text := c.params.required("WebIdentityToken", webToken)
	ses, apiErr := c.newSession(req)
	if apiErr != nil {
		return nil, apiErr
	}
	t, err := parseToken(text)
	if err != nil {
		return nil, invalidToken("The ID Token provided is not a valid JWT. " + err.Error())
	}
	account := strings.Split(req.roleARN, ":")[4]
	provider, ok := c.providers[OIDCProvider{Account: account, Issuer: t.claims.Issuer}.ARN()]
	if !ok || provider.Issuer != t.claims.Issuer {
		return nil, invalidToken("No OpenIDConnect provider found in your account for " +
			t.claims.Issuer)
	}
	if err := c.verifyToken(t, provider); err != nil {
		return nil, err
	}
	const action = "sts:AssumeRoleWithWebIdentity"
	r := c.roles[req.roleARN]
	if r == nil || !r.trust.allows(&access{
		action: action, principals: Principal{"Federated": {provider.ARN()}},
	}) {
		return nil, denied("Not authorized to perform " + action)
	}
	res, apiErr := c.assume(req, ses)
	if apiErr != nil {
		return nil, apiErr
	}
	res.Subject, res.Audience, res.Provider = t.claims.Subject, t.claims.audience(), provider.ARN()
	return res, nil
}

func invalidToken(message string) *apiError { return badRequest("InvalidIdentityToken", message) }

// verifyToken verifies signature, times and audience of a token.
func (c *call) verifyToken(t *token, p OIDCProvider) *apiError {
	if t.algorithm != "HS256" || !hmac.Equal(t.signature, tokenMAC(p.Key, t.signed)) {
		return invalidToken("Token signature is invalid")
	}
	latest := c.now.Add(c.skew).Unix()
	switch {
	case t.claims.Subject == "" || t.claims.Expires == 0 || t.claims.Issued == 0:
		return invalidToken("Missing a required claim: sub, exp or iat")
	case !c.now.Before(time.Unix(t.claims.Expires, 0)):
		return badRequest("ExpiredTokenException", fmt.Sprintf(
			"Token expired: current date/time %d must be before the expiration date/time %d",
			c.now.Unix(), t.claims.Expires))
	case t.claims.Issued > latest, t.claims.NotBefore > latest:
		return invalidToken("The token is not valid yet")
	case !slices.Contains(p.ClientIDs, t.claims.audience()):
		return invalidToken("Incorrect token audience")
	}
	return nil
}
