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

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"aws-credproc/internal/ststest"
)

func TestFaults(t *testing.T) {
	w := newWorld(t)
	for _, tt := range []struct {
		name  string
		fault ststest.Fault
		want  string // part of the error; "" for success
	}{
		{"slow", ststest.Fault{Delay: time.Millisecond}, ""},
		{"drop", ststest.Fault{Kind: ststest.Drop}, "EOF"},
		{"drop after", ststest.Fault{Kind: ststest.DropAfter}, "EOF"},
		{"throttle", ststest.Fault{Kind: ststest.Throttle}, "Throttling: Rate exceeded"},
		{"fail", ststest.Fault{Kind: ststest.Fail}, "InternalFailure"},
		{"fail with 503", ststest.Fault{Kind: ststest.Fail, Status: 503}, "ServiceUnavailable"},
		{"fail as told", ststest.Fault{Kind: ststest.Fail, Status: 403, Code: "ExpiredToken", Text: "a <b> & c"}, "ExpiredToken: a <b> & c"},
		{"truncate", ststest.Fault{Kind: ststest.Truncate}, "unexpected EOF"},
		{"bytes", ststest.Fault{Kind: ststest.GarbageBytes}, "deserialization failed"},
		{"HTML", ststest.Fault{Kind: ststest.GarbageHTML}, "deserialization failed"},
		{"XML of another service", ststest.Fault{Kind: ststest.GarbageXML}, "deserialization failed"},
		{"huge", ststest.Fault{Kind: ststest.GarbageHuge, Size: 1 << 20}, "deserialization failed"},
		{"escapes", ststest.Fault{Kind: ststest.GarbageEscapes}, "illegal character code"},
		{"C1", ststest.Fault{Kind: ststest.GarbageC1}, "AccessDenied\u009d0;owned"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w.Fault(tt.fault)
			_, err := assume(w.asJill(), sts.AssumeRoleInput{})
			if (tt.want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %q, want %q", err, tt.want)
			}
			_, err = assume(w.asJill(), sts.AssumeRoleInput{}) // once only
			must(t, err)
		})
	}
	if got := w.Calls("AssumeRole"); got != 28 {
		t.Errorf("%d calls, want 28: those that failed count too", got)
	}
}

func TestGarbageKindsAnswerNonsense(t *testing.T) {
	w := newWorld(t)
	for _, kind := range ststest.GarbageKinds() {
		w.Fault(ststest.Fault{Kind: kind, Size: 1 << 10})
		resp, err := http.Post(w.URL, "application/x-www-form-urlencoded", strings.NewReader("Action=AssumeRole"))
		must(t, err)
		body, err := io.ReadAll(resp.Body)
		must(t, err)
		must(t, resp.Body.Close())
		if strings.Contains(string(body), "MissingAuthenticationToken") {
			t.Errorf("kind %d answers as usual", kind)
		}
	}
}

func TestFaultsKeepToTheirActionAndNumber(t *testing.T) {
	w := newWorld(t)
	w.Fault(ststest.Fault{Action: "AssumeRole", Skip: 1, Times: 2, Kind: ststest.Throttle})
	want := []string{"", "Throttling", "Throttling", ""}
	for _, code := range want {
		_, err := whoami(w.asJill())
		must(t, err)
		_, err = assume(w.asJill(), sts.AssumeRoleInput{})
		wantError(t, err, code, "")
	}
	w.Fault(ststest.Fault{Times: ststest.Always, Kind: ststest.Throttle})
	for range 3 {
		_, err := whoami(w.asJill())
		wantError(t, err, "Throttling", "Rate exceeded")
	}
	w.ClearFaults()
	_, err := whoami(w.asJill())
	must(t, err)
}

func TestNoAnswerEndsWithTheClientOrTheServer(t *testing.T) {
	for name, fault := range map[string]ststest.Fault{
		"swallow": {Kind: ststest.Swallow, Times: ststest.Always},
		"delay":   {Delay: time.Hour, Times: ststest.Always},
	} {
		t.Run(name, func(t *testing.T) { noAnswer(t, fault) })
	}
}

func noAnswer(t *testing.T, fault ststest.Fault) {
	w := newWorld(t)
	w.Fault(fault)
	jill := w.asJill()
	call := func(ctx context.Context) (written chan struct{}, failed chan error) {
		written, failed = make(chan struct{}), make(chan error, 1)
		ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteRequest: func(httptrace.WroteRequestInfo) { close(written) }})
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
		t.Error("the request was answered")
	}
}

func TestDropAfterUsesTheTokenCodeUp(t *testing.T) {
	w := newWorld(t)
	code := w.code()
	in := sts.AssumeRoleInput{SerialNumber: aws.String(serial), TokenCode: &code}
	w.Fault(ststest.Fault{Kind: ststest.Drop})
	if _, err := assume(w.asJill(), in); err == nil {
		t.Fatal("not dropped")
	}
	w.Fault(ststest.Fault{Kind: ststest.DropAfter})
	if _, err := assume(w.asJill(), in); err == nil || strings.Contains(err.Error(), "AccessDenied") {
		t.Fatalf("got %v", err)
	}
	_, err := assume(w.asJill(), in)
	wantError(t, err, "AccessDenied", "invalid MFA one time pass code")
}

func TestFaultsOfTheAnswer(t *testing.T) {
	w := newWorld(t)
	get := func(f ststest.Fault) *sts.AssumeRoleOutput {
		t.Helper()
		w.Fault(f)
		out, err := assume(w.asJill(), sts.AssumeRoleInput{})
		must(t, err)
		return out
	}
	out := get(ststest.Fault{Kind: ststest.LongToken, Size: 5000})
	if n := len(*out.Credentials.SessionToken); n != 5000 {
		t.Errorf("session token of %d bytes", n)
	}
	_, err := whoami(w.with(out.Credentials))
	must(t, err)

	out = get(ststest.Fault{Kind: ststest.Expired, By: time.Hour})
	if !out.Credentials.Expiration.Before(time.Now().Add(-59 * time.Minute)) {
		t.Errorf("expires %v", out.Credentials.Expiration)
	}
	_, err = whoami(w.with(out.Credentials))
	wantError(t, err, "ExpiredToken", "")

	out = get(ststest.Fault{Kind: ststest.OmitField, Field: "Expiration"})
	if out.Credentials.Expiration != nil || out.Credentials.SessionToken == nil {
		t.Errorf("credentials %v", out.Credentials)
	}
	out = get(ststest.Fault{Kind: ststest.ReplaceField, Field: "AccessKeyId", Text: "a\u009bb"})
	if *out.Credentials.AccessKeyId != "a\u009bb" {
		t.Errorf("access key ID %q", *out.Credentials.AccessKeyId)
	}
	out = get(ststest.Fault{Kind: ststest.OmitField, Field: "Nothing"})
	if out.Credentials.Expiration == nil {
		t.Error("another field is missing")
	}
	out = get(ststest.Fault{Kind: ststest.GarbageFields})
	if *out.Credentials.SecretAccessKey != ststest.EscapesC1+"secret" {
		t.Errorf("credentials %q", *out.Credentials.SecretAccessKey)
	}

	w.Fault(ststest.Fault{Kind: ststest.WrongDate, By: -24 * time.Hour})
	resp, err := http.Post(w.URL, "application/x-www-form-urlencoded", strings.NewReader("Action=AssumeRole"))
	must(t, err)
	must(t, resp.Body.Close())
	date, err := http.ParseTime(resp.Header.Get("Date"))
	must(t, err)
	if off := time.Since(date) - 24*time.Hour; off.Abs() > 2*time.Minute {
		t.Errorf("Date is off by another %v", off)
	}
}

func TestErrorsCarryARequestID(t *testing.T) {
	w := newWorld(t)
	_, err := assume(w.asJill(), sts.AssumeRoleInput{RoleArn: aws.String(roleARN + "x")})
	var op *smithy.OperationError
	if !errors.As(err, &op) || !strings.Contains(op.Error(), "RequestID: ") || strings.Contains(op.Error(), "RequestID: ,") {
		t.Errorf("got %v", err)
	}
}
