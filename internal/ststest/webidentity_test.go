package ststest_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"aws-credproc/internal/ststest"
)

func TestAssumeRoleWithWebIdentity(t *testing.T) {
	w := newWorld(t)
	const issuer = "https://token.example.com/Tenant"
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	must(t, err)
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	strange, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	secret := []byte("a secret of thirty-two bytes....")
	provider := ststest.OIDCProvider{Account: account, Issuer: issuer, ClientIDs: []string{"sts.amazonaws.com"},
		Keys: map[string]any{"rsa": &rsaKey.PublicKey, "ec": &ecKey.PublicKey, "hmac": secret, "": &ecKey.PublicKey}}
	must(t, w.AddOIDCProvider(provider))
	w.role(ststest.Role{ARN: roleARN, Trust: ststest.TrustPolicy(provider.ARN(),
		ststest.Condition{Operator: "StringEquals", Key: "token.example.com/Tenant:aud", Values: []string{"sts.amazonaws.com"}},
		ststest.Condition{Operator: "StringLike", Key: "token.example.com/Tenant:sub", Values: []string{"repo:org/*"}})})
	const foreign = "arn:aws:iam::999999999999:role/Dev"
	w.role(ststest.Role{ARN: foreign, Trust: ststest.TrustPolicy(provider.ARN())})

	now := time.Now().Unix()
	good := map[string]any{"iss": issuer, "aud": "sts.amazonaws.com", "sub": "repo:org/app", "iat": now, "exp": now + 300}
	claims := func(k string, v any) map[string]any {
		m := maps.Clone(good)
		if m[k] = v; v == nil {
			delete(m, k)
		}
		return m
	}
	sign := func(kid string, key any, claims map[string]any) string {
		t.Helper()
		token, err := ststest.SignToken(kid, key, claims)
		must(t, err)
		return token
	}
	// byHand signs under a header that SignToken would not write.
	byHand := func(header string) string {
		b64 := base64.RawURLEncoding
		signed := b64.EncodeToString([]byte(header)) + "." + strings.Split(sign("hmac", secret, good), ".")[1]
		mac := hmac.New(sha256.New, secret)
		mac.Write([]byte(signed))
		return signed + "." + b64.EncodeToString(mac.Sum(nil))
	}
	valid := sign("ec", ecKey, good)
	parts := strings.Split(valid, ".")

	const bad = "InvalidIdentityToken"
	for _, tt := range []struct{ name, token, code, message string }{
		{"ES256", valid, "", ""},
		{"RS256", sign("rsa", rsaKey, good), "", ""},
		{"HS256", sign("hmac", secret, good), "", ""},
		{"without kid", sign("", ecKey, good), "", ""},
		{"audience in a list", sign("ec", ecKey, claims("aud", []string{"sts.amazonaws.com"})), "", ""},
		{"key of another", sign("ec", strange, good), bad, "signature"},
		{"unknown key", sign("none", ecKey, good), bad, "verification key"},
		{"key of another kind", sign("rsa", ecKey, good), bad, "signature"},
		{"algorithm none", "eyJhbGciOiJub25lIiwia2lkIjoiZWMifQ." + parts[1] + ".AA", bad, "signature"},
		{"HS256 by hand", byHand(`{"alg":"HS256","kid":"hmac"}`), "", ""},
		{"other algorithm than the key's", byHand(`{"alg":"HS512","kid":"hmac"}`), bad, "signature"},
		{"critical extension", byHand(`{"alg":"HS256","kid":"hmac","crit":["b64"]}`), bad, "critical"},
		{"other claims", parts[0] + "." + strings.Split(sign("ec", ecKey, claims("sub", "x")), ".")[1] + "." + parts[2], bad, "signature"},
		{"two parts", parts[0] + "." + parts[1], bad, "three parts"},
		{"not base64", parts[0] + ".%%%." + parts[2], bad, "base64url"},
		{"not JSON", "YWJj.YWJj.YWJj", bad, "JSON"},
		{"expired", sign("ec", ecKey, claims("exp", now-1)), "ExpiredTokenException", "Token expired"},
		{"without expiry", sign("ec", ecKey, claims("exp", nil)), bad, "required claim"},
		{"without subject", sign("ec", ecKey, claims("sub", nil)), bad, "required claim"},
		{"issued in the future", sign("ec", ecKey, claims("iat", now+600)), bad, "not valid yet"},
		{"not yet valid", sign("ec", ecKey, claims("nbf", now+600)), bad, "not valid yet"},
		{"other issuer", sign("ec", ecKey, claims("iss", "https://evil.example.com")), bad, "No OpenIDConnect provider found"},
		{"issuer without its scheme", sign("ec", ecKey, claims("iss", "token.example.com/Tenant")), bad, "No OpenIDConnect provider found"},
		{"other audience", sign("ec", ecKey, claims("aud", "other")), bad, "Incorrect token audience"},
		{"two audiences", sign("ec", ecKey, claims("aud", []string{"sts.amazonaws.com", "other"})), bad, "Incorrect token audience"},
		{"audience that is none", sign("ec", ecKey, claims("aud", 7)), bad, "aud"},
		{"authorized party", sign("ec", ecKey, claims("azp", "other")), bad, "Incorrect token audience"},
		{"tags", sign("ec", ecKey, claims("https://aws.amazon.com/tags", map[string]any{})), bad, "not known"},
		{"other subject", sign("ec", ecKey, claims("sub", "repo:evil/app")), "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			out, err := sts.New(sts.Options{Region: "eu-west-1", BaseEndpoint: &w.URL, Retryer: aws.NopRetryer{}, HTTPClient: wholeAnswers{}}).AssumeRoleWithWebIdentity(
				context.Background(), &sts.AssumeRoleWithWebIdentityInput{RoleArn: aws.String(roleARN), RoleSessionName: aws.String("ci"), WebIdentityToken: &tt.token})
			wantError(t, err, tt.code, tt.message)
			if err != nil {
				return
			}
			if *out.SubjectFromWebIdentityToken != "repo:org/app" || *out.Audience != "sts.amazonaws.com" || *out.Provider != provider.ARN() {
				t.Errorf("answer names %s, %s, %s", *out.SubjectFromWebIdentityToken, *out.Audience, *out.Provider)
			}
			arn, err := whoami(w.with(out.Credentials))
			must(t, err)
			if arn != "arn:aws:sts::123456789012:assumed-role/Dev/ci" {
				t.Errorf("session is %s", arn)
			}
		})
	}
	web := func(role string, seconds int32) error {
		_, err := sts.New(sts.Options{Region: "eu-west-1", BaseEndpoint: &w.URL, Retryer: aws.NopRetryer{}, HTTPClient: wholeAnswers{}}).AssumeRoleWithWebIdentity(
			context.Background(), &sts.AssumeRoleWithWebIdentityInput{RoleArn: &role, RoleSessionName: aws.String("ci"), WebIdentityToken: &valid, DurationSeconds: &seconds})
		return err
	}
	wantError(t, web(foreign, 900), bad, "No OpenIDConnect provider found in your account")
	wantError(t, web(roleARN, 3601), "ValidationError", "MaxSessionDuration")
	wantError(t, web("arn:aws:iam::123456789012:role/Nobody", 900), "AccessDenied", "")
	_, err = assume(w.asJill(), sts.AssumeRoleInput{})
	wantError(t, err, "AccessDenied", "") // a federated trust is for tokens
	for _, r := range w.Requests() {
		if v, ok := r.Params["WebIdentityToken"]; ok && v != "***" {
			t.Fatal("a token was recorded")
		}
	}
}
