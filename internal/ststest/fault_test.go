package ststest_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"aws-credproc/internal/ststest"
)

func TestFaults(t *testing.T) {
	w := newWorld(t)
	const nonsense = "deserialization failed"
	for _, tt := range []struct {
		name  string
		fault ststest.Fault
		want  string // part of the error; "" for success
	}{
		{"slow", ststest.Fault{Delay: time.Millisecond}, ""},
		{"drop", ststest.Fault{Kind: ststest.Drop}, "EOF"},
		{"throttle", ststest.Fault{Kind: ststest.Throttle}, "Throttling: Rate exceeded"},
		{"fail", ststest.Fault{Kind: ststest.Fail}, "InternalFailure"},
		{"fail with 503", ststest.Fault{Kind: ststest.Fail, Status: 503}, "ServiceUnavailable"},
		{"fail with code and text",
			ststest.Fault{Kind: ststest.Fail, Status: 403, Code: "ExpiredToken", Text: "a <b> & c"},
			"ExpiredToken: a <b> & c"},
		{"truncate", ststest.Fault{Kind: ststest.Truncate}, "unexpected EOF"},
		{"bytes", ststest.Fault{Kind: ststest.GarbageBytes}, nonsense},
		{"HTML", ststest.Fault{Kind: ststest.GarbageHTML}, nonsense},
		{"XML of another service", ststest.Fault{Kind: ststest.GarbageXML}, nonsense},
		{"huge", ststest.Fault{Kind: ststest.GarbageHuge, Size: 1 << 20}, nonsense},
		{"escapes", ststest.Fault{Kind: ststest.GarbageEscapes}, "illegal character code"},
		{"C1", ststest.Fault{Kind: ststest.GarbageC1}, "AccessDenied\u009d0;owned"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w.Fault(tt.fault)
			_, err := w.assume(w.asJill(), sts.AssumeRoleInput{})
			if (tt.want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %q, want %q", err, tt.want)
			}
			_, err = w.assume(w.asJill(), sts.AssumeRoleInput{}) // the fault applies once
			must(t, err)
		})
	}
	if got := w.Calls("AssumeRole"); got != 26 {
		t.Errorf("%d calls, want 26: failed calls count", got)
	}
}

func TestEmptyResponse(t *testing.T) {
	w := newWorld(t)
	w.Fault(ststest.Fault{Kind: ststest.GarbageEmpty})
	resp, err := http.Post(w.URL, "application/x-www-form-urlencoded", strings.NewReader(""))
	must(t, err)
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); err != nil || len(body) > 0 || resp.StatusCode != 200 {
		t.Errorf("got %s %q, %v", resp.Status, body, err)
	}
}

func TestFaultsApplyByActionAndNumber(t *testing.T) {
	w := newWorld(t)
	w.Fault(ststest.Fault{Action: "AssumeRole", Times: 2, Kind: ststest.Throttle})
	for _, code := range []string{"Throttling", "Throttling", ""} {
		_, err := w.whoami(w.asJill())
		must(t, err)
		_, err = w.assume(w.asJill(), sts.AssumeRoleInput{})
		wantError(t, err, code, "")
	}
	w.Fault(ststest.Fault{Times: ststest.Always, Kind: ststest.Throttle})
	for range 3 {
		_, err := w.whoami(w.asJill())
		wantError(t, err, "Throttling", "Rate exceeded")
	}
	w.ClearFaults()
	_, err := w.whoami(w.asJill())
	must(t, err)
}

func TestHangingRequestsEndWithClientOrServer(t *testing.T) {
	for name, fault := range map[string]ststest.Fault{
		"swallow": {Kind: ststest.Swallow, Times: ststest.Always},
		"delay":   {Delay: time.Hour, Times: ststest.Always},
	} {
		t.Run(name, func(t *testing.T) { testHangingRequest(t, fault) })
	}
}

func testHangingRequest(t *testing.T, fault ststest.Fault) {
	w := newWorld(t)
	w.Fault(fault)
	jill := w.asJill()
	call := func(ctx context.Context) (written chan struct{}, failed chan error) {
		written, failed = make(chan struct{}), make(chan error, 1)
		ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
			WroteRequest: func(httptrace.WroteRequestInfo) { close(written) },
		})
		go func() {
			_, err := jill.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
			failed <- err
		}()
		return written, failed
	}
	ctx, cancel := context.WithCancel(context.Background())
	written, failed := call(ctx)
	<-written
	cancel()
	if err := <-failed; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	written, failed = call(context.Background())
	<-written
	must(t, w.Close())
	if err := <-failed; err == nil {
		t.Error("the request succeeded")
	}
}

func TestFaultsOfSessions(t *testing.T) {
	w := newWorld(t)
	assume := func(f ststest.Fault) *sts.AssumeRoleOutput {
		t.Helper()
		w.Fault(f)
		out, err := w.assume(w.asJill(), sts.AssumeRoleInput{})
		must(t, err)
		return out
	}
	out := assume(ststest.Fault{Kind: ststest.LongToken, Size: 5000})
	if n := len(*out.Credentials.SessionToken); n != 5000 {
		t.Errorf("session token of %d bytes", n)
	}
	_, err := w.whoami(w.with(out.Credentials))
	must(t, err)

	out = assume(ststest.Fault{Kind: ststest.Expired, By: time.Hour})
	if !out.Credentials.Expiration.Before(time.Now().Add(-59 * time.Minute)) {
		t.Errorf("expires %v", out.Credentials.Expiration)
	}
	_, err = w.whoami(w.with(out.Credentials))
	wantError(t, err, "ExpiredToken", "")

	out = assume(ststest.Fault{Kind: ststest.Expired, By: -time.Minute})
	_, err = w.whoami(w.with(out.Credentials))
	must(t, err)

	out = assume(ststest.Fault{Kind: ststest.OmitField, Field: "Expiration"})
	if out.Credentials.Expiration != nil || out.Credentials.SessionToken == nil {
		t.Errorf("credentials %v", out.Credentials)
	}
	out = assume(ststest.Fault{Kind: ststest.ReplaceField, Field: "AccessKeyId", Text: "a\u009bb"})
	if *out.Credentials.AccessKeyId != "a\u009bb" {
		t.Errorf("access key ID %q", *out.Credentials.AccessKeyId)
	}
	out = assume(ststest.Fault{Kind: ststest.OmitField, Field: "Unknown"})
	if out.Credentials.Expiration == nil {
		t.Error("another field is missing")
	}
	out = assume(ststest.Fault{Kind: ststest.GarbageFields})
	if !strings.HasSuffix(*out.Credentials.SecretAccessKey, "\u2028ownedsecret") {
		t.Errorf("secret access key %q", *out.Credentials.SecretAccessKey)
	}
}

func TestErrorsHaveARequestID(t *testing.T) {
	w := newWorld(t)
	role := roleARN + "x"
	_, err := w.assume(w.asJill(), sts.AssumeRoleInput{RoleArn: &role})
	var op *smithy.OperationError
	if !errors.As(err, &op) || !strings.Contains(op.Error(), "RequestID: ") ||
		strings.Contains(op.Error(), "RequestID: ,") {
		t.Errorf("got %v", err)
	}
}
