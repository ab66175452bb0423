package ststest_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/aws/smithy-go"

	"aws-credproc/internal/ststest"
)

const (
	account = "123456789012"
	other   = "999999999999"
	roleARN = "arn:aws:iam::123456789012:role/team/Dev"
	serial  = "arn:aws:iam::123456789012:mfa/jill"
	seed    = "JBSWY3DPEHPK3PXP"
)

// world is a server with the user jill, who may assume any role, and the role Dev, which trusts her.
type world struct {
	*ststest.Server
	t    *testing.T
	jill *ststest.User
	now  atomic.Pointer[time.Time]
}

func newWorld(t *testing.T) *world {
	t.Helper()
	srv, err := ststest.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { must(t, srv.Close()) })
	w := &world{Server: srv, t: t}
	w.jill, err = srv.AddUser(account, "team/jill", allowAll)
	must(t, err)
	must(t, srv.AddMFADevice(w.jill.ARN, serial, seed))
	w.role(ststest.Role{ARN: roleARN, Trust: trustAll(w.jill.ARN)})
	return w
}

// stop stops the server's clock at the current time and returns a function that moves it.
func (w *world) stop() (forward func(time.Duration)) {
	now := time.Now().Truncate(time.Second) // so that a test can meet an expiry exactly
	w.now.Store(&now)
	w.SetNow(func() time.Time { return *w.now.Load() })
	w.SetMaxSkew(48 * time.Hour) // the SDK's clock goes on
	return func(d time.Duration) {
		now := w.now.Load().Add(d)
		w.now.Store(&now)
	}
}

func (w *world) role(r ststest.Role) {
	w.t.Helper()
	must(w.t, w.AddRole(r))
}

func (w *world) code() string {
	w.t.Helper()
	code, err := ststest.TOTP(seed, w.Now())
	must(w.t, err)
	return code
}

var (
	stsActions = []string{"sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"}
	allowAll   = ststest.Document(ststest.Statement{Action: stsActions, Resource: []string{"*"}})
)

func trustAll(principals ...string) string {
	return ststest.Document(ststest.Statement{Action: stsActions, Principal: map[string][]string{"AWS": principals}})
}

// client returns the real SDK's client, without retries.
func client(url, id, secret, token string) *sts.Client {
	return sts.New(sts.Options{
		HTTPClient: wholeAnswers{},
		Region:     "eu-west-1", BaseEndpoint: &url, Retryer: aws.NopRetryer{},
		Credentials: credentials.NewStaticCredentialsProvider(id, secret, token),
	})
}

func (w *world) as(id, secret, token string) *sts.Client { return client(w.URL, id, secret, token) }

func (w *world) asJill() *sts.Client { return w.as(w.jill.Key.ID, w.jill.Key.Secret, "") }

func (w *world) with(c *types.Credentials) *sts.Client {
	return w.as(*c.AccessKeyId, *c.SecretAccessKey, *c.SessionToken)
}

// wholeAnswers is an HTTP client that has read an answer when it gives it. The SDK closes the request's body when it has the
// answer's head, and net/http then sometimes closes the connection under the rest.
type wholeAnswers struct{}

func (wholeAnswers) Do(r *http.Request) (*http.Response, error) {
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	resp.Body = io.NopCloser(io.MultiReader(bytes.NewReader(body), errReader{err}))
	return resp, nil
}

// errReader fails with an error, or ends where there is none.
type errReader struct{ err error }

func (r errReader) Read([]byte) (int, error) { return 0, cmp.Or(r.err, io.EOF) }

// assume calls AssumeRole for the role Dev, session s1, unless in says otherwise.
func assume(c *sts.Client, in sts.AssumeRoleInput) (*sts.AssumeRoleOutput, error) {
	if in.RoleArn == nil {
		in.RoleArn = aws.String(roleARN)
	}
	if in.RoleSessionName == nil {
		in.RoleSessionName = aws.String("s1")
	}
	return c.AssumeRole(context.Background(), &in)
}

func whoami(c *sts.Client) (string, error) {
	out, err := c.GetCallerIdentity(context.Background(), &sts.GetCallerIdentityInput{})
	if err != nil {
		return "", err
	}
	return *out.Arn, nil
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wantError checks the code of an API error and part of its message; code "" wants success.
func wantError(t *testing.T, err error, code, message string) {
	t.Helper()
	if code == "" {
		must(t, err)
		return
	}
	var api smithy.APIError
	if !errors.As(err, &api) {
		t.Fatalf("got %v, want %s: %s", err, code, message)
	}
	if api.ErrorCode() != code || !strings.Contains(api.ErrorMessage(), message) {
		t.Fatalf("got %s: %s\nwant %s: %s", api.ErrorCode(), api.ErrorMessage(), code, message)
	}
}

func TestAnswersTheSDK(t *testing.T) {
	w := newWorld(t)
	jill := w.asJill()

	arn, err := whoami(jill)
	must(t, err)
	if arn != w.jill.ARN {
		t.Errorf("user is %s, want %s", arn, w.jill.ARN)
	}
	before := w.Now()
	out, err := assume(jill, sts.AssumeRoleInput{SourceIdentity: aws.String("jill"), Policy: aws.String(allowAll)})
	must(t, err)
	const session = "arn:aws:sts::123456789012:assumed-role/Dev/s1" // the path is not part of it
	if *out.AssumedRoleUser.Arn != session || !strings.HasSuffix(*out.AssumedRoleUser.AssumedRoleId, ":s1") {
		t.Errorf("assumed role user is %v", *out.AssumedRoleUser)
	}
	//lint:ignore SA1019 deprecated for callers, but AWS still sends it and so does the stand-in
	if *out.SourceIdentity != "jill" || *out.PackedPolicySize < 1 {
		t.Errorf("source identity %q, or no packed policy size", *out.SourceIdentity)
	}
	if left := out.Credentials.Expiration.Sub(before); left < 59*time.Minute || left > 61*time.Minute {
		t.Errorf("session lasts %v, want an hour", left)
	}
	if !strings.HasPrefix(*out.Credentials.AccessKeyId, "ASIA") {
		t.Errorf("access key ID %s", *out.Credentials.AccessKeyId)
	}
	arn, err = whoami(w.with(out.Credentials))
	must(t, err)
	if arn != session {
		t.Errorf("role session is %s, want %s", arn, session)
	}

	st, err := jill.GetSessionToken(context.Background(), &sts.GetSessionTokenInput{})
	must(t, err)
	if left := st.Credentials.Expiration.Sub(before); left < 12*time.Hour-time.Minute || left > 12*time.Hour+time.Minute {
		t.Errorf("session token lasts %v, want 12 hours", left)
	}
	arn, err = whoami(w.with(st.Credentials))
	must(t, err)
	if arn != w.jill.ARN {
		t.Errorf("user with a session token is %s", arn)
	}
}

func TestRecordsRequestsWithoutSecrets(t *testing.T) {
	w := newWorld(t)
	code := w.code()
	_, err := assume(w.asJill(), sts.AssumeRoleInput{SerialNumber: aws.String(serial), TokenCode: &code})
	must(t, err)
	_, err = assume(w.asJill(), sts.AssumeRoleInput{RoleArn: aws.String(roleARN + "x")})
	wantError(t, err, "AccessDenied", "")
	_, err = whoami(w.asJill())
	must(t, err)

	if got := w.Calls("AssumeRole"); got != 2 {
		t.Errorf("%d calls of AssumeRole, want 2", got)
	}
	if got, want := w.Counts(), map[string]int{"AssumeRole": 2, "GetCallerIdentity": 1}; !reflect.DeepEqual(got, want) {
		t.Errorf("counts %v, want %v", got, want)
	}
	rs := w.Requests()
	r := rs[0]
	if r.AccessKeyID != w.jill.Key.ID || r.Region != "eu-west-1" || r.Status != 200 || r.ErrorCode != "" {
		t.Errorf("first request is %+v", r)
	}
	if r.Params["SerialNumber"] != serial || r.Params["TokenCode"] != "***" || r.Params["RoleArn"] != roleARN {
		t.Errorf("its parameters are %v", r.Params)
	}
	if rs[1].Status != 403 || rs[1].ErrorCode != "AccessDenied" {
		t.Errorf("second request is %+v", rs[1])
	}
	if s := fmt.Sprintf("%+v %#v", rs, w.jill); strings.Contains(s, code) || strings.Contains(s, w.jill.Key.Secret) {
		t.Error("a secret is shown")
	}
	r.Params["RoleArn"] = "changed"
	if w.Requests()[0].Params["RoleArn"] != roleARN {
		t.Error("requests are not copies")
	}
	w.ResetRequests()
	if n := len(w.Counts()); n != 0 {
		t.Errorf("%d counts after a reset", n)
	}
}

func TestServesManyAtOnce(t *testing.T) {
	w := newWorld(t)
	const clients = 200
	var wg sync.WaitGroup
	errs := make(chan error, clients)
	for i := range clients {
		wg.Go(func() {
			out, err := assume(w.asJill(), sts.AssumeRoleInput{RoleSessionName: aws.String(fmt.Sprint("s-", i))})
			if err == nil {
				_, err = whoami(w.with(out.Credentials))
			}
			errs <- err
		})
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		must(t, err)
	}
	if got := w.Calls("AssumeRole"); got != clients {
		t.Errorf("%d calls, want %d", got, clients)
	}
}

func TestRefusesWhatIsNoQueryRequest(t *testing.T) {
	w := newWorld(t)
	const form = "application/x-www-form-urlencoded"
	for _, tt := range []struct {
		name, method, path, contentType, body, want string
	}{
		{"GET", "GET", "/", form, "", "UnknownOperationException"},
		{"path", "POST", "/sts", form, "", "UnknownOperationException"},
		{"query", "POST", "/?Action=GetCallerIdentity", form, "", "UnknownOperationException"},
		{"JSON", "POST", "/", "application/json", "{}", "MalformedInput"},
		{"bad encoding", "POST", "/", form, "Action=%zz", "MalformedQueryString"},
		{"parameter twice", "POST", "/", form, "Action=a&Action=b", "MalformedInput"},
		{"no action", "POST", "/", form, "Version=2011-06-15", "MissingAction"},
		{"other version", "POST", "/", form, "Action=GetCallerIdentity&Version=2010-01-01", "InvalidAction"},
		{"unsigned", "POST", "/", form, "Action=GetCallerIdentity&Version=2011-06-15", "MissingAuthenticationToken"},
		{"huge", "POST", "/", form, strings.Repeat("x", 1<<20), "RequestEntityTooLarge"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			req, err := http.NewRequest(tt.method, w.URL+tt.path, strings.NewReader(tt.body))
			must(t, err)
			req.Header.Set("Content-Type", tt.contentType)
			status, body := do(t, req)
			if status < 400 || !strings.Contains(body, "<Code>"+tt.want+"</Code>") {
				t.Errorf("%d %s", status, body)
			}
		})
	}
}

// do sends a request and returns the answer.
func do(t *testing.T, req *http.Request) (int, string) {
	t.Helper()
	resp, err := http.DefaultClient.Do(req)
	must(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	must(t, err)
	if resp.Header.Get("Date") == "" || resp.Header.Get("Content-Type") != "text/xml" {
		t.Errorf("headers of the answer: %v", resp.Header)
	}
	return resp.StatusCode, string(body)
}

func TestCloseTwiceAndAfterwardsRefuse(t *testing.T) {
	srv, err := ststest.Start()
	must(t, err)
	must(t, srv.Close())
	must(t, srv.Close())
	if _, err := http.Get(srv.URL); err == nil {
		t.Error("still answers after Close")
	}
}
