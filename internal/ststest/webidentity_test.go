package ststest_test

import (
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
	key := []byte("a secret of thirty-two bytes....")
	provider := ststest.OIDCProvider{
		Account: account, Issuer: "https://token.example.com/Tenant",
		ClientIDs: []string{"sts.amazonaws.com"}, Key: key,
	}
	must(t, w.AddOIDCProvider(provider))
	w.addRole(ststest.Role{ARN: roleARN, Trust: ststest.TrustPolicy(provider.ARN())})
	const foreign = "arn:aws:iam::999999999999:role/Dev"
	w.addRole(ststest.Role{ARN: foreign, Trust: ststest.TrustPolicy(provider.ARN())})
	const untrusting = "arn:aws:iam::123456789012:role/Other"
	w.addRole(ststest.Role{ARN: untrusting, Trust: ststest.TrustPolicy("*")})

	now := time.Now().Unix()
	good := map[string]any{
		"iss": provider.Issuer, "aud": "sts.amazonaws.com", "sub": "app",
		"iat": now, "exp": now + 300,
	}
	// with returns a token with one claim changed or, if v is nil, removed.
	with := func(claim string, v any) string {
		t.Helper()
		claims := maps.Clone(good)
		if claims[claim] = v; v == nil {
			delete(claims, claim)
		}
		token, err := ststest.SignToken(key, claims)
		must(t, err)
		return token
	}
	valid := with("sub", "app")
	parts := strings.Split(valid, ".")
	otherKey, err := ststest.SignToken([]byte("other"), good)
	must(t, err)
	const (
		bad         = "InvalidIdentityToken"
		unknown     = "No OpenIDConnect provider found in your account"
		wrongTarget = "Incorrect token audience"
		algNone     = "eyJhbGciOiJub25lIn0." // {"alg":"none"}
	)
	web := func(role, token string, seconds int32) (*sts.AssumeRoleWithWebIdentityOutput, error) {
		c := sts.New(sts.Options{
			Region: "eu-west-1", BaseEndpoint: &w.URL, Retryer: aws.NopRetryer{},
			HTTPClient: bufferingClient{},
		})
		return c.AssumeRoleWithWebIdentity(t.Context(), &sts.AssumeRoleWithWebIdentityInput{
			RoleArn: &role, RoleSessionName: aws.String("ci"), WebIdentityToken: &token,
			DurationSeconds: &seconds,
		})
	}
	for _, tt := range []struct{ name, token, code, message string }{
		{"valid", valid, "", ""},
		{"audience in a list", with("aud", []string{"sts.amazonaws.com"}), "", ""},
		{"other key", otherKey, bad, "signature"},
		{"algorithm none", algNone + parts[1] + "." + parts[2], bad, "signature"},
		{"other claims", parts[0] + "." + strings.Split(with("sub", "x"), ".")[1] + "." + parts[2],
			bad, "signature"},
		{"two parts", parts[0] + "." + parts[1], bad, "three parts"},
		{"not base64", parts[0] + ".%%%." + parts[2], bad, "base64url"},
		{"not JSON", "YWJj.YWJj.YWJj", bad, "JSON"},
		{"expired", with("exp", now-1), "ExpiredTokenException", "Token expired"},
		{"no expiration", with("exp", nil), bad, "required claim"},
		{"no subject", with("sub", nil), bad, "required claim"},
		{"issued in the future", with("iat", now+600), bad, "not valid yet"},
		{"not yet valid", with("nbf", now+600), bad, "not valid yet"},
		{"other issuer", with("iss", "https://evil.example.com"), bad, unknown},
		{"issuer without scheme", with("iss", "token.example.com/Tenant"), bad, unknown},
		{"other audience", with("aud", "other"), bad, wrongTarget},
		{"two audiences", with("aud", []string{"sts.amazonaws.com", "other"}), bad, wrongTarget},
		{"audience not a string", with("aud", 7), bad, wrongTarget},
		{"session tags", with("https://aws.amazon.com/tags", map[string]any{}), bad, "not supported"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			out, err := web(roleARN, tt.token, 900)
			wantError(t, err, tt.code, tt.message)
			if err != nil {
				return
			}
			if *out.SubjectFromWebIdentityToken != "app" || *out.Audience != "sts.amazonaws.com" ||
				*out.Provider != provider.ARN() {
				t.Errorf("subject %s, audience %s, provider %s",
					*out.SubjectFromWebIdentityToken, *out.Audience, *out.Provider)
			}
			arn, err := w.whoami(w.with(out.Credentials))
			must(t, err)
			if arn != "arn:aws:sts::123456789012:assumed-role/Dev/ci" {
				t.Errorf("session is %s", arn)
			}
		})
	}
	_, err = web(foreign, valid, 900)
	wantError(t, err, bad, unknown)
	_, err = web(roleARN, valid, 3601)
	wantError(t, err, "ValidationError", "MaxSessionDuration")
	for _, role := range []string{untrusting, "arn:aws:iam::123456789012:role/Nobody"} {
		_, err = web(role, valid, 900)
		wantError(t, err, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity")
	}
	_, err = w.assume(w.asJill(), sts.AssumeRoleInput{}) // needs a token
	wantError(t, err, "AccessDenied", "")
	for _, r := range w.Requests() {
		if v, ok := r.Params["WebIdentityToken"]; ok && v != "***" {
			t.Fatal("a token was recorded")
		}
	}
}
