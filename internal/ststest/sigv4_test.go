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

// TestVerifiesTheSignature signs with the SDK's signer, by the parts that a case changes.
func TestVerifiesTheSignature(t *testing.T) {
	w := newWorld(t)
	out, err := assume(w.asJill(), sts.AssumeRoleInput{})
	must(t, err)
	jill := aws.Credentials{AccessKeyID: w.jill.Key.ID, SecretAccessKey: w.jill.Key.Secret}
	session := aws.Credentials{
		AccessKeyID: *out.Credentials.AccessKeyId, SecretAccessKey: *out.Credentials.SecretAccessKey, SessionToken: *out.Credentials.SessionToken,
	}
	changed := func(c aws.Credentials, f func(*aws.Credentials)) aws.Credentials { f(&c); return c }
	const body = "Action=GetCallerIdentity&Version=2011-06-15"

	for _, tt := range []struct {
		name            string
		creds           aws.Credentials
		service, region string
		sent            string        // body, if not as signed
		off             time.Duration // date of the signature
		before, after   func(http.Header)
		code, message   string // "" for success
	}{
		{name: "user", creds: jill},
		{name: "role session", creds: session},
		{name: "another region", creds: jill, region: "us-gov-west-1"},
		{name: "isolated region", creds: jill, region: "us-isob-east-1"},
		{name: "4 minutes slow", creds: jill, off: -4 * time.Minute},
		{name: "4 minutes fast", creds: jill, off: 4 * time.Minute},
		{name: "6 minutes slow", creds: jill, off: -6 * time.Minute, code: "SignatureDoesNotMatch", message: "Signature expired: "},
		{name: "6 minutes fast", creds: jill, off: 6 * time.Minute, code: "SignatureDoesNotMatch", message: "Signature not yet current: "},
		{name: "wrong secret", creds: changed(jill, func(c *aws.Credentials) { c.SecretAccessKey += "x" }),
			code: "SignatureDoesNotMatch", message: "The request signature we calculated does not match"},
		{name: "wrong secret and old", creds: changed(jill, func(c *aws.Credentials) { c.SecretAccessKey += "x" }), off: -time.Hour,
			code: "SignatureDoesNotMatch", message: "The request signature we calculated does not match"},
		{name: "unknown key", creds: changed(jill, func(c *aws.Credentials) { c.AccessKeyID = "AKIAAAAAAAAAAAAAAAAA" }),
			code: "InvalidClientTokenId", message: "The security token included in the request is invalid."},
		{name: "user with a token", creds: changed(jill, func(c *aws.Credentials) { c.SessionToken = session.SessionToken }),
			code: "InvalidClientTokenId"},
		{name: "session without its token", creds: changed(session, func(c *aws.Credentials) { c.SessionToken = "" }),
			code: "InvalidClientTokenId"},
		{name: "session with another token", creds: changed(session, func(c *aws.Credentials) { c.SessionToken = c.SessionToken[1:] + "A" }),
			code: "InvalidClientTokenId"},
		{name: "body changed", creds: jill, sent: "Version=2011-06-15&Action=GetCallerIdentity", code: "SignatureDoesNotMatch"},
		{name: "other service", creds: jill, service: "iam", code: "SignatureDoesNotMatch", message: "correct service: 'sts'"},
		{name: "no region", creds: jill, region: "aws-global", code: "SignatureDoesNotMatch", message: "valid region"},
		{name: "amz header added", creds: jill, after: func(h http.Header) { h.Set("X-Amz-Extra", "1") },
			code: "SignatureDoesNotMatch", message: "'X-Amz-Extra' must be a 'SignedHeader'"},
		{name: "amz header signed", creds: jill, before: func(h http.Header) { h.Set("X-Amz-Extra", "a   b") }},
		{name: "amz header changed", creds: jill, before: func(h http.Header) { h.Set("X-Amz-Extra", "1") },
			after: func(h http.Header) { h.Set("X-Amz-Extra", "2") }, code: "SignatureDoesNotMatch"},
		{name: "wrong content hash", creds: jill, before: func(h http.Header) { h.Set("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD") },
			code: "SignatureDoesNotMatch", message: "x-amz-content-sha256"},
		{name: "date changed", creds: jill, after: func(h http.Header) { h.Set("X-Amz-Date", "20200101T000000Z") },
			code: "SignatureDoesNotMatch", message: "Date in Credential scope does not match"},
		{name: "date removed", creds: jill, after: func(h http.Header) { h.Del("X-Amz-Date") }, code: "IncompleteSignature"},
		{name: "date unreadable", creds: jill, after: func(h http.Header) { h.Set("X-Amz-Date", "now") }, code: "IncompleteSignature"},
		{name: "other algorithm", creds: jill, after: replace("AWS4-HMAC-SHA256", "AWS4-HMAC-SHA1"), code: "IncompleteSignature"},
		{name: "short scope", creds: jill, after: replace("/aws4_request", ""), code: "IncompleteSignature"},
		{name: "other terminator", creds: jill, after: replace("/aws4_request", "/aws5_request"), code: "SignatureDoesNotMatch", message: "terminator"},
		{name: "no signature", creds: jill, after: replace(", Signature=", ", Signatur="), code: "IncompleteSignature", message: "'Signature'"},
		{name: "host not signed", creds: jill, after: replace(";host;", ";"), code: "SignatureDoesNotMatch", message: "'Host'"},
		{name: "headers unsorted", creds: jill, after: replace(";host;x-amz-date", ";x-amz-date;host"), code: "IncompleteSignature"},
		{name: "twice", creds: jill, after: func(h http.Header) { h.Add("Authorization", h.Get("Authorization")) }, code: "IncompleteSignature"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			req, err := http.NewRequest("POST", w.URL, strings.NewReader(body))
			must(t, err)
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
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
			hash := sha256.Sum256([]byte(body))
			must(t, v4.NewSigner().SignHTTP(context.Background(), tt.creds, req, hex.EncodeToString(hash[:]), service, region, time.Now().Add(tt.off)))
			if tt.after != nil {
				tt.after(req.Header)
			}
			if tt.sent != "" {
				changed, err := http.NewRequest("POST", w.URL, strings.NewReader(tt.sent))
				must(t, err)
				changed.Header = req.Header
				req = changed
			}
			status, answer := do(t, req)
			want, status2 := "<Code>"+tt.code+"</Code>", 403
			switch tt.code {
			case "":
				want, status2 = "<GetCallerIdentityResult>", 200
			case "IncompleteSignature":
				status2 = 400
			}
			if status != status2 || !strings.Contains(answer, want) || !strings.Contains(answer, tt.message) {
				t.Errorf("%d %s\nwant %d %s %s", status, answer, status2, want, tt.message)
			}
			if strings.Contains(answer, jill.SecretAccessKey) || strings.Contains(answer, session.SecretAccessKey) {
				t.Error("answer holds a secret")
			}
		})
	}
}

func replace(old, new string) func(http.Header) {
	return func(h http.Header) { h.Set("Authorization", strings.Replace(h.Get("Authorization"), old, new, 1)) }
}

// TestSignedByHand covers what the SDK's client does not send.
func TestSignedByHand(t *testing.T) {
	w := newWorld(t)
	for _, tt := range []struct{ name, body, secret, code, message string }{
		{"parameter of another action", "Action=GetCallerIdentity&Version=2011-06-15&RoleArn=x", w.jill.Key.Secret, "ValidationError", "does not have: RoleArn"},
		{"gap in a list", "Action=AssumeRole&Version=2011-06-15&RoleSessionName=s1&RoleArn=" + roleARN + "&TransitiveTagKeys.member.2=x", w.jill.Key.Secret, "ValidationError", "TransitiveTagKeys.member.2"},
		{"tag without a value", "Action=AssumeRole&Version=2011-06-15&RoleSessionName=s1&RoleArn=" + roleARN + "&Tags.member.1.Key=x", w.jill.Key.Secret, "ValidationError", "a key and a value"},
		{"no role", "Action=AssumeRole&Version=2011-06-15", w.jill.Key.Secret, "ValidationError",
			"2 validation errors detected: Value null at 'roleArn' failed to satisfy constraint: Member must not be null; Value null at 'roleSessionName'"},
		{"duration in words", "Action=GetSessionToken&Version=2011-06-15&DurationSeconds=hour", w.jill.Key.Secret, "ValidationError", "integer"},
		{"unknown action", "Action=DecodeAuthorizationMessage&Version=2011-06-15", w.jill.Key.Secret, "InvalidAction", "DecodeAuthorizationMessage"},
		{"web identity signed wrongly", "Action=AssumeRoleWithWebIdentity&Version=2011-06-15", "wrong", "SignatureDoesNotMatch", ""},
		{"web identity signed rightly", "Action=AssumeRoleWithWebIdentity&Version=2011-06-15", w.jill.Key.Secret, "ValidationError", "'webIdentityToken'"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			req, err := http.NewRequest("POST", w.URL, strings.NewReader(tt.body))
			must(t, err)
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			hash := sha256.Sum256([]byte(tt.body))
			must(t, v4.NewSigner().SignHTTP(context.Background(), aws.Credentials{AccessKeyID: w.jill.Key.ID, SecretAccessKey: tt.secret},
				req, hex.EncodeToString(hash[:]), "sts", "eu-west-1", time.Now()))
			status, answer := do(t, req)
			if status < 400 || !strings.Contains(answer, "<Code>"+tt.code+"</Code>") || !strings.Contains(answer, tt.message) {
				t.Errorf("%d %s\nwant %s %s", status, answer, tt.code, tt.message)
			}
		})
	}
}

func TestAccessKeysComeAndGo(t *testing.T) {
	w := newWorld(t)
	second, err := w.AddAccessKey(w.jill.ARN)
	must(t, err)
	if _, err := w.AddAccessKey(w.jill.ARN); err == nil {
		t.Error("a third access key was given")
	}
	_, err = whoami(w.as(second.ID, second.Secret, ""))
	must(t, err)

	must(t, w.SetAccessKeyActive(second.ID, false))
	_, err = whoami(w.as(second.ID, second.Secret, ""))
	wantError(t, err, "InvalidClientTokenId", "")
	must(t, w.SetAccessKeyActive(second.ID, true))
	_, err = whoami(w.as(second.ID, second.Secret, ""))
	must(t, err)

	must(t, w.DeleteAccessKey(second.ID))
	_, err = whoami(w.as(second.ID, second.Secret, ""))
	wantError(t, err, "InvalidClientTokenId", "")
	if w.DeleteAccessKey(second.ID) == nil || w.SetAccessKeyActive(second.ID, true) == nil {
		t.Error("a key that does not exist was changed")
	}
}

func TestSessionsEnd(t *testing.T) {
	w := newWorld(t)
	forward := w.stop()
	out, err := assume(w.asJill(), sts.AssumeRoleInput{DurationSeconds: aws.Int32(900)})
	must(t, err)
	session := w.with(out.Credentials)
	forward(15*time.Minute - time.Second)
	_, err = whoami(session)
	must(t, err)
	forward(time.Second)
	_, err = whoami(session)
	wantError(t, err, "ExpiredToken", "The security token included in the request is expired")

	out, err = assume(w.asJill(), sts.AssumeRoleInput{})
	must(t, err)
	must(t, w.DeleteRole(roleARN))
	_, err = whoami(w.with(out.Credentials))
	wantError(t, err, "InvalidClientTokenId", "")

	token, err := w.asJill().GetSessionToken(context.Background(), &sts.GetSessionTokenInput{})
	must(t, err)
	must(t, w.DeleteUser(w.jill.ARN))
	_, err = whoami(w.with(token.Credentials))
	wantError(t, err, "InvalidClientTokenId", "")
	_, err = whoami(w.asJill())
	wantError(t, err, "InvalidClientTokenId", "")
	if w.DeleteUser(w.jill.ARN) == nil || w.DeleteRole(roleARN) == nil {
		t.Error("what does not exist was deleted")
	}
}

func TestHandlerServesElsewhere(t *testing.T) {
	srv := ststest.New()
	user, err := srv.AddUser(account, "joe")
	must(t, err)
	outer := httptest.NewServer(srv.Handler())
	defer outer.Close()
	arn, err := whoami(client(outer.URL, user.Key.ID, user.Key.Secret, ""))
	must(t, err)
	if arn != user.ARN {
		t.Errorf("got %s, want %s", arn, user.ARN)
	}
	must(t, srv.Close())
	if _, err := whoami(client(outer.URL, user.Key.ID, user.Key.Secret, "")); err == nil {
		t.Error("still answers after Close")
	}
}
