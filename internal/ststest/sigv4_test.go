package ststest_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"aws-credproc/internal/ststest"
)

// sign signs a request with the SDK's signer.
func sign(
	t *testing.T, req *http.Request, creds aws.Credentials, body, service, region string,
	date time.Time,
) {
	t.Helper()
	hash := sha256.Sum256([]byte(body))
	must(t, v4.NewSigner().SignHTTP(context.Background(), creds, req, hex.EncodeToString(hash[:]),
		service, region, date))
}

func TestSignatureIsVerified(t *testing.T) {
	w := newWorld(t)
	out, err := w.assume(w.asJill(), sts.AssumeRoleInput{})
	must(t, err)
	jill := aws.Credentials{AccessKeyID: w.jill.Key.ID, SecretAccessKey: w.jill.Key.Secret}
	session := aws.Credentials{
		AccessKeyID:     *out.Credentials.AccessKeyId,
		SecretAccessKey: *out.Credentials.SecretAccessKey,
		SessionToken:    *out.Credentials.SessionToken,
	}
	with := func(c aws.Credentials, change func(*aws.Credentials)) aws.Credentials {
		change(&c)
		return c
	}
	wrongSecret := with(jill, func(c *aws.Credentials) { c.SecretAccessKey += "x" })
	set := func(name, value string) func(http.Header) {
		return func(h http.Header) { h.Set(name, value) }
	}
	const (
		body       = "Action=GetCallerIdentity&Version=2011-06-15"
		mismatch   = "SignatureDoesNotMatch"
		incomplete = "IncompleteSignature"
		invalid    = "InvalidClientTokenId"
		calculated = "The request signature we calculated does not match"
	)
	for _, tt := range []struct {
		name            string
		creds           aws.Credentials
		service, region string
		sent            string        // the body, if it differs from the signed one
		off             time.Duration // of the signature's date
		before, after   func(http.Header)
		code, message   string // "" for success
	}{
		{name: "user", creds: jill},
		{name: "role session", creds: session},
		{name: "other region", creds: jill, region: "us-gov-west-1"},
		{name: "isolated region", creds: jill, region: "us-isob-east-1"},
		{name: "4 minutes slow", creds: jill, off: -4 * time.Minute},
		{name: "4 minutes fast", creds: jill, off: 4 * time.Minute},
		{name: "6 minutes slow", creds: jill, off: -6 * time.Minute,
			code: mismatch, message: "Signature expired: "},
		{name: "6 minutes fast", creds: jill, off: 6 * time.Minute,
			code: mismatch, message: "Signature not yet current: "},
		{name: "wrong secret", creds: wrongSecret, code: mismatch, message: calculated},
		{name: "wrong secret and old date", creds: wrongSecret, off: -time.Hour,
			code: mismatch, message: calculated},
		{name: "unknown key",
			creds: with(jill, func(c *aws.Credentials) { c.AccessKeyID = "AKIAAAAAAAAAAAAAAAAA" }),
			code:  invalid, message: "The security token included in the request is invalid."},
		{name: "user with a session token",
			creds: with(jill, func(c *aws.Credentials) { c.SessionToken = session.SessionToken }),
			code:  invalid},
		{name: "session without token",
			creds: with(session, func(c *aws.Credentials) { c.SessionToken = "" }), code: invalid},
		{name: "session with other token",
			creds: with(session, func(c *aws.Credentials) { c.SessionToken = c.SessionToken[1:] + "A" }),
			code:  invalid},
		{name: "changed body", creds: jill, sent: "Version=2011-06-15&Action=GetCallerIdentity",
			code: mismatch, message: calculated},
		{name: "other service", creds: jill, service: "iam", code: mismatch, message: calculated},
		{name: "pseudo region", creds: jill, region: "aws-global",
			code: mismatch, message: "valid region"},
		{name: "unsigned X-Amz header", creds: jill, after: set("X-Amz-Extra", "1"), code: mismatch},
		{name: "signed X-Amz header", creds: jill, before: set("X-Amz-Extra", "a   b")},
		{name: "changed X-Amz header", creds: jill, before: set("X-Amz-Extra", "1"),
			after: set("X-Amz-Extra", "2"), code: mismatch},
		{name: "wrong content hash", creds: jill,
			before: set("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD"),
			code:   mismatch, message: "x-amz-content-sha256"},
		{name: "changed date", creds: jill, after: set("X-Amz-Date", "20200101T000000Z"),
			code: mismatch},
		{name: "no date", creds: jill, after: func(h http.Header) { h.Del("X-Amz-Date") },
			code: incomplete},
		{name: "bad date", creds: jill, after: set("X-Amz-Date", "now"), code: incomplete},
		{name: "other algorithm", creds: jill, after: replace("AWS4-HMAC-SHA256", "AWS4-HMAC-SHA1"),
			code: incomplete},
		{name: "short scope", creds: jill, after: replace("/aws4_request", ""), code: incomplete},
		{name: "no signature", creds: jill, after: replace(", Signature=", ", Signatur="),
			code: incomplete, message: "'Signature'"},
		{name: "unsigned host", creds: jill, after: replace(";host;", ";"), code: mismatch},
		{name: "unsorted headers", creds: jill,
			after: replace(";host;x-amz-date", ";x-amz-date;host"), code: mismatch},
		{name: "other terminator", creds: jill, after: replace("/aws4_request", "/aws5_request"),
			code: mismatch},
		{name: "changed scope date", creds: jill, after: replace("/20", "/19"), code: mismatch},
		{name: "two headers", creds: jill,
			after: func(h http.Header) { h.Add("Authorization", h.Get("Authorization")) },
			code:  incomplete},
	} {
		t.Run(tt.name, func(t *testing.T) {
			req := newRequest(t, w.URL, body)
			if tt.before != nil {
				tt.before(req.Header)
			}
			service, region := "sts", "eu-west-1"
			if tt.service != "" {
				service = tt.service
			}
			if tt.region != "" {
				region = tt.region
			}
			sign(t, req, tt.creds, body, service, region, time.Now().Add(tt.off))
			if tt.after != nil {
				tt.after(req.Header)
			}
			if tt.sent != "" {
				changed := newRequest(t, w.URL, tt.sent)
				changed.Header = req.Header
				req = changed
			}
			status, answer := do(t, req)
			want, wantStatus := "<Code>"+tt.code+"</Code>", 403
			switch tt.code {
			case "":
				want, wantStatus = "<GetCallerIdentityResult>", 200
			case incomplete:
				wantStatus = 400
			}
			if status != wantStatus || !strings.Contains(answer, want) ||
				!strings.Contains(answer, tt.message) {
				t.Errorf("%d %s\nwant %d %s %s", status, answer, wantStatus, want, tt.message)
			}
			if strings.Contains(answer, jill.SecretAccessKey) ||
				strings.Contains(answer, session.SecretAccessKey) {
				t.Error("response holds a secret")
			}
		})
	}
}

func newRequest(t *testing.T, url, body string) *http.Request {
	t.Helper()
	req, err := http.NewRequest("POST", url, strings.NewReader(body))
	must(t, err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	return req
}

func replace(from, to string) func(http.Header) {
	return func(h http.Header) {
		h.Set("Authorization", strings.Replace(h.Get("Authorization"), from, to, 1))
	}
}

// TestParametersThatTheSDKDoesNotSend covers parameters that the SDK's client cannot send.
func TestParametersThatTheSDKDoesNotSend(t *testing.T) {
	w := newWorld(t)
	const assume = "AssumeRole&RoleSessionName=s1&RoleArn=" + roleARN
	for _, tt := range []struct{ name, action, secret, code, message string }{
		{"parameter of other action", "GetCallerIdentity&RoleArn=x", "", "ValidationError",
			"does not have: RoleArn"},
		{"gap in a list", assume + "&TransitiveTagKeys.member.2=x", "", "ValidationError",
			"TransitiveTagKeys.member.2"},
		{"tag without value", assume + "&Tags.member.1.Key=x", "", "ValidationError",
			"a key and a value"},
		{"no role", "AssumeRole", "", "ValidationError", "2 validation errors detected: " +
			"Value null at 'roleArn' failed to satisfy constraint: Member must not be null; " +
			"Value null at 'roleSessionName'"},
		{"duration not a number", "GetSessionToken&DurationSeconds=hour", "", "ValidationError",
			"integer"},
		{"unknown action", "DecodeAuthorizationMessage", "", "InvalidAction",
			"DecodeAuthorizationMessage"},
		{"web identity with wrong signature", "AssumeRoleWithWebIdentity", "wrong",
			"SignatureDoesNotMatch", ""},
		{"web identity with signature", "AssumeRoleWithWebIdentity", "", "ValidationError",
			"'webIdentityToken'"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			creds := aws.Credentials{AccessKeyID: w.jill.Key.ID, SecretAccessKey: tt.secret}
			if tt.secret == "" {
				creds.SecretAccessKey = w.jill.Key.Secret
			}
			body := "Version=2011-06-15&Action=" + tt.action
			req := newRequest(t, w.URL, body)
			sign(t, req, creds, body, "sts", "eu-west-1", time.Now())
			status, answer := do(t, req)
			if status < 400 || !strings.Contains(answer, "<Code>"+tt.code+"</Code>") ||
				!strings.Contains(answer, tt.message) {
				t.Errorf("%d %s\nwant %s %s", status, answer, tt.code, tt.message)
			}
		})
	}
}

func TestSecondAccessKey(t *testing.T) {
	w := newWorld(t)
	second, err := w.AddAccessKey(w.jill.ARN)
	must(t, err)
	for _, key := range []ststest.AccessKey{w.jill.Key, second} {
		_, err = w.whoami(w.as(key))
		must(t, err)
	}
}

func TestSessionExpires(t *testing.T) {
	w := newWorld(t)
	advance := w.stopClock()
	session := w.session(sts.AssumeRoleInput{DurationSeconds: aws.Int32(900)})
	advance(15*time.Minute - time.Second)
	_, err := w.whoami(session)
	must(t, err)
	advance(time.Second)
	_, err = w.whoami(session)
	wantError(t, err, "ExpiredToken", "The security token included in the request is expired")
}

func TestHandlerAtOtherAddress(t *testing.T) {
	w := newWorld(t)
	elsewhere := httptest.NewServer(w.Handler())
	defer elsewhere.Close()
	arn, err := w.whoami(client(elsewhere.URL, w.jill.Key.ID, w.jill.Key.Secret, ""))
	must(t, err)
	if arn != w.jill.ARN {
		t.Errorf("got %s, want %s", arn, w.jill.ARN)
	}
}
