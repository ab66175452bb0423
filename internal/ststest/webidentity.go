package ststest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"net/http"
	"slices"
	"strings"
	"time"
)

// OIDCProvider is an OpenID Connect provider of an account, whose tokens AssumeRoleWithWebIdentity takes.
type OIDCProvider struct {
	Account   string   // 12 digits; only this account's roles can trust it
	Partition string   // "" for "aws"
	Issuer    string   // URL, equal to the tokens' iss: "https://token.example.com/tenant"
	ClientIDs []string // audiences that are registered
	// Keys that verify tokens, by key ID (kid): *rsa.PublicKey for RS256, *ecdsa.PublicKey on P-256 for ES256, []byte for
	// HS256. A token without kid is verified by the key of that name, "".
	Keys map[string]any
}

// ARN returns the provider's ARN, the Federated principal of a trust policy.
func (p OIDCProvider) ARN() string {
	partition := p.Partition
	if partition == "" {
		partition = "aws"
	}
	return "arn:" + partition + ":iam::" + p.Account + ":oidc-provider/" + p.name()
}

// name is the issuer without its scheme: the prefix of its condition keys.
func (p OIDCProvider) name() string { return strings.TrimPrefix(p.Issuer, "https://") }

// AddOIDCProvider adds a provider, or replaces the one of its account and issuer.
func (s *Server) AddOIDCProvider(p OIDCProvider) error {
	if !isAccount(p.Account) || !strings.HasPrefix(p.Issuer, "https://") || p.name() == "" || len(p.ClientIDs) == 0 {
		return fmt.Errorf("OpenID Connect provider %q: needs an account, an https issuer and a client ID", p.Issuer)
	}
	for kid, key := range p.Keys {
		switch k := key.(type) {
		case *rsa.PublicKey:
		case *ecdsa.PublicKey:
			if k.Curve != elliptic.P256() {
				return fmt.Errorf("OpenID Connect provider %q: key %q is not on P-256", p.Issuer, kid)
			}
		case []byte:
			if len(k) == 0 {
				return fmt.Errorf("OpenID Connect provider %q: key %q is empty", p.Issuer, kid)
			}
		default:
			return fmt.Errorf("OpenID Connect provider %q: key %q is of type %T", p.Issuer, kid, key)
		}
	}
	p.ClientIDs, p.Keys = slices.Clone(p.ClientIDs), maps.Clone(p.Keys)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.providers[p.ARN()] = &p
	return nil
}

// SignToken returns a JSON Web Token (RFC 7519) over claims. The key decides on the algorithm: *rsa.PrivateKey RS256,
// *ecdsa.PrivateKey (P-256) ES256, []byte HS256.
func SignToken(kid string, key any, claims map[string]any) (string, error) {
	header := map[string]any{"typ": "JWT"}
	if kid != "" {
		header["kid"] = kid
	}
	switch key.(type) {
	case *rsa.PrivateKey:
		header["alg"] = "RS256"
	case *ecdsa.PrivateKey:
		header["alg"] = "ES256"
	case []byte:
		header["alg"] = "HS256"
	default:
		return "", fmt.Errorf("sign token: key of type %T", key)
	}
	h, err := json.Marshal(header)
	if err != nil {
		return "", fmt.Errorf("sign token: %w", err)
	}
	c, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("sign token: %w", err)
	}
	b64 := base64.RawURLEncoding
	signed := b64.EncodeToString(h) + "." + b64.EncodeToString(c)
	sum := sha256.Sum256([]byte(signed))
	var sig []byte
	switch k := key.(type) {
	case *rsa.PrivateKey:
		if sig, err = rsa.SignPKCS1v15(nil, k, crypto.SHA256, sum[:]); err != nil {
			return "", fmt.Errorf("sign token: %w", err)
		}
	case *ecdsa.PrivateKey:
		r, s, err := ecdsa.Sign(rand.Reader, k, sum[:])
		if err != nil {
			return "", fmt.Errorf("sign token: %w", err)
		}
		sig = make([]byte, 64)
		r.FillBytes(sig[:32])
		s.FillBytes(sig[32:])
	case []byte:
		sig = mac(k, signed)
	}
	return signed + "." + b64.EncodeToString(sig), nil
}

// verify checks the signature of header.payload by the algorithm that the key is for, whatever else the header names.
func verify(alg string, key any, signed string, sig []byte) bool {
	sum := sha256.Sum256([]byte(signed))
	switch k := key.(type) {
	case *rsa.PublicKey:
		return alg == "RS256" && rsa.VerifyPKCS1v15(k, crypto.SHA256, sum[:], sig) == nil
	case *ecdsa.PublicKey:
		return alg == "ES256" && len(sig) == 64 &&
			ecdsa.Verify(k, sum[:], new(big.Int).SetBytes(sig[:32]), new(big.Int).SetBytes(sig[32:]))
	case []byte:
		return alg == "HS256" && hmac.Equal(sig, mac(k, signed))
	}
	return false
}

// token is what is known of a web identity token.
type token struct {
	header struct {
		Algorithm string   `json:"alg"`
		KeyID     string   `json:"kid"`
		Critical  []string `json:"crit"`
	}
	claims struct {
		Issuer          string          `json:"iss"`
		Subject         string          `json:"sub"`
		Audience        json.RawMessage `json:"aud"`
		AuthorizedParty string          `json:"azp"`
		Expires         *float64        `json:"exp"`
		NotBefore       *float64        `json:"nbf"`
		Issued          *float64        `json:"iat"`
		Tags            json.RawMessage `json:"https://aws.amazon.com/tags"`
		SourceIdentity  json.RawMessage `json:"https://aws.amazon.com/source_identity"`
	}
	audience  []string
	signed    string
	signature []byte
}

// parseToken reads a token without believing it. Its errors quote nothing of it.
func parseToken(text string) (*token, error) {
	parts := strings.Split(text, ".")
	if len(parts) != 3 {
		return nil, errors.New("a token has three parts")
	}
	b64 := base64.RawURLEncoding.Strict()
	var raw [3][]byte
	for i, p := range parts {
		b, err := b64.DecodeString(p)
		if err != nil || len(b) == 0 {
			return nil, errors.New("a part of the token is not base64url")
		}
		raw[i] = b
	}
	t := &token{signed: parts[0] + "." + parts[1], signature: raw[2]}
	if json.Unmarshal(raw[0], &t.header) != nil || json.Unmarshal(raw[1], &t.claims) != nil {
		return nil, errors.New("a part of the token is not the JSON it should be")
	}
	if a := t.claims.Audience; len(a) > 0 {
		if a[0] == '"' {
			a = slices.Concat([]byte("["), a, []byte("]"))
		}
		if json.Unmarshal(a, &t.audience) != nil {
			return nil, errors.New("aud is neither a string nor a list of strings")
		}
	}
	if t.header.Critical != nil {
		return nil, errors.New("the token has critical extensions")
	}
	if t.claims.Tags != nil || t.claims.SourceIdentity != nil {
		return nil, errors.New("session tags and source identity in a token are not known to this server")
	}
	return t, nil
}

// assumeRoleWithWebIdentity needs a token in place of credentials, and the role's trust policy alone.
// https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html
func (s *Server) assumeRoleWithWebIdentity(p *params, now time.Time, f Fault) (any, *apiError) {
	req, policy, arns := assumeRoleParams(p)
	text := p.required("WebIdentityToken", webToken)
	if err := p.err(); err != nil {
		return nil, err
	}
	a, err := parseARN(req.roleARN)
	if err != nil || a.service != "iam" || a.kind() != "role" {
		return nil, invalid(req.roleARN + " is invalid")
	}
	if err := s.sessionPolicies(&req, policy, arns); err != nil {
		return nil, err
	}
	bad := func(message string) (any, *apiError) {
		return nil, fail(http.StatusBadRequest, "InvalidIdentityToken", message)
	}
	t, err := parseToken(text)
	if err != nil {
		return bad("The ID Token provided is not a valid JWT. " + err.Error())
	}
	provider := s.providers[OIDCProvider{Account: a.account, Partition: a.partition, Issuer: t.claims.Issuer}.ARN()]
	if provider == nil || provider.Issuer != t.claims.Issuer {
		return bad("No OpenIDConnect provider found in your account for " + t.claims.Issuer)
	}
	key, ok := provider.Keys[t.header.KeyID]
	if !ok {
		return bad("Couldn't retrieve verification key from your identity provider,  please reference AssumeRoleWithWebIdentity documentation for requirements")
	}
	if !verify(t.header.Algorithm, key, t.signed, t.signature) {
		return bad("Token signature is invalid")
	}
	seconds := float64(now.UnixNano()) / 1e9
	leeway := s.skew.Seconds()
	switch {
	case t.claims.Subject == "" || t.claims.Expires == nil || t.claims.Issued == nil:
		return bad("Missing a required claim: sub, exp or iat")
	case *t.claims.Expires <= seconds:
		return nil, fail(http.StatusBadRequest, "ExpiredTokenException", fmt.Sprintf(
			"Token expired: current date/time %d must be before the expiration date/time %.0f", now.Unix(), *t.claims.Expires))
	case *t.claims.Issued > seconds+leeway, t.claims.NotBefore != nil && *t.claims.NotBefore > seconds+leeway:
		return bad("The token is not valid yet")
	}
	// With azp, that is the audience (and the condition key aud), as in AWS. Without, several audiences are none.
	audience := ""
	if t.claims.AuthorizedParty != "" {
		audience = t.claims.AuthorizedParty
	} else if len(t.audience) == 1 {
		audience = t.audience[0]
	}
	if !slices.Contains(provider.ClientIDs, audience) {
		return bad("Incorrect token audience")
	}

	// Condition keys are compared in lower case.
	name := strings.ToLower(provider.name())
	ctx := conditionContext{
		name + ":aud":         {audience},
		name + ":sub":         {t.claims.Subject},
		"sts:rolesessionname": {req.sessionName},
	}
	r := s.roles[req.roleARN]
	ctx.setResource(r)
	const action = "sts:AssumeRoleWithWebIdentity"
	if r == nil || !allowed([]*document{r.trust}, &access{
		action: action, resource: req.roleARN, context: ctx, principals: []principal{{"Federated", provider.ARN()}},
	}) {
		return nil, denied("Not authorized to perform " + action)
	}
	res, apiErr := s.sessionOf(r, req, "AssumeRoleWithWebIdentity", now, f)
	if apiErr != nil {
		return nil, apiErr
	}
	res.Subject, res.Audience, res.Provider = t.claims.Subject, audience, provider.ARN()
	return res, nil
}
