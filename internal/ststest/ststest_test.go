package ststest_test

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
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
	"github.com/pquerna/otp/totp"

	"aws-credproc/internal/ststest"
)

const (
	account = "123456789012"
	other   = "999999999999"
	roleARN = "arn:aws:iam::123456789012:role/team/Dev"
	serial  = "arn:aws:iam::123456789012:mfa/jill"
	seed    = "JBSWY3DPEHPK3PXP"
)

// world is a server with the user jill, who may assume any role, and the role Dev, which trusts
// her.
type world struct {
	*ststest.Server
	t    *testing.T
	jill *ststest.User
	now  atomic.Pointer[time.Time]
}

func newWorld(t *testing.T) *world {
	t.Helper()
	srv, err := ststest.Start()
	must(t, err)
	t.Cleanup(func() { must(t, srv.Close()) })
	w := &world{Server: srv, t: t}
	w.jill = w.addUser(account, "team/jill", allowAll)
	must(t, srv.AddMFADevice(w.jill.ARN, serial, seed))
	w.addRole(ststest.Role{ARN: roleARN, Trust: trustAll(w.jill.ARN)})
	return w
}

// stopClock stops the server's clock and returns a function that advances it.
func (w *world) stopClock() (advance func(time.Duration)) {
	now := time.Now().Truncate(time.Second)
	w.now.Store(&now)
	w.SetNow(func() time.Time { return *w.now.Load() })
	w.SetMaxSkew(48 * time.Hour) // the SDK uses the system clock
	return func(d time.Duration) {
		now := w.now.Load().Add(d)
		w.now.Store(&now)
	}
}

func (w *world) addUser(account, name string, policies ...string) *ststest.User {
	w.t.Helper()
	u, err := w.AddUser(account, name, policies...)
	must(w.t, err)
	return u
}

func (w *world) addRole(r ststest.Role) {
	w.t.Helper()
	must(w.t, w.AddRole(r))
}

// code returns jill's MFA code at an offset from the server's time.
func (w *world) code(offset time.Duration) string {
	w.t.Helper()
	code, err := totp.GenerateCode(seed, w.Now().Add(offset))
	must(w.t, err)
	return code
}

var (
	stsActions = []string{"sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"}
	allowAll   = ststest.Document(ststest.Statement{Action: stsActions, Resource: []string{"*"}})
)

func trustAll(principals ...string) string {
	return ststest.Document(ststest.Statement{
		Action: stsActions, Principal: ststest.Principal{"AWS": principals},
	})
}

// client returns an SDK client that does not retry.
func client(url, id, secret, token string) *sts.Client {
	return sts.New(sts.Options{
		HTTPClient: bufferingClient{}, Region: "eu-west-1", BaseEndpoint: &url,
		Retryer:     aws.NopRetryer{},
		Credentials: credentials.NewStaticCredentialsProvider(id, secret, token),
	})
}

func (w *world) as(k ststest.AccessKey) *sts.Client { return client(w.URL, k.ID, k.Secret, "") }

func (w *world) asJill() *sts.Client { return w.as(w.jill.Key) }

func (w *world) with(c *types.Credentials) *sts.Client {
	return client(w.URL, *c.AccessKeyId, *c.SecretAccessKey, *c.SessionToken)
}

// bufferingClient reads the whole response before it returns it. The SDK closes the request body
// when it has the response headers, and net/http may then close the connection.
type bufferingClient struct{}

func (bufferingClient) Do(r *http.Request) (*http.Response, error) {
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	resp.Body = io.NopCloser(io.MultiReader(bytes.NewReader(body), errReader{err}))
	return resp, nil
}

// errReader returns its error, or io.EOF if that is nil.
type errReader struct{ err error }

func (r errReader) Read([]byte) (int, error) { return 0, cmp.Or(r.err, io.EOF) }

// assume calls AssumeRole. The default role is Dev and the default session name s1.
func (w *world) assume(c *sts.Client, in sts.AssumeRoleInput) (*sts.AssumeRoleOutput, error) {
	in.RoleArn = cmp.Or(in.RoleArn, aws.String(roleARN))
	in.RoleSessionName = cmp.Or(in.RoleSessionName, aws.String("s1"))
	return c.AssumeRole(w.t.Context(), &in)
}

// session calls AssumeRole as jill and returns a client with the session.
func (w *world) session(in sts.AssumeRoleInput) *sts.Client {
	w.t.Helper()
	out, err := w.assume(w.asJill(), in)
	must(w.t, err)
	return w.with(out.Credentials)
}

func (w *world) whoami(c *sts.Client) (string, error) {
	out, err := c.GetCallerIdentity(w.t.Context(), &sts.GetCallerIdentityInput{})
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

// wantError checks the code of an API error and part of its message. Code "" expects success.
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

func TestAssumeRoleAndGetSessionTokenReturnValidSessions(t *testing.T) {
	w := newWorld(t)
	jill := w.asJill()

	arn, err := w.whoami(jill)
	must(t, err)
	if arn != w.jill.ARN {
		t.Errorf("user is %s, want %s", arn, w.jill.ARN)
	}
	before := w.Now()
	out, err := w.assume(jill, sts.AssumeRoleInput{
		SourceIdentity: aws.String("jill"), Policy: aws.String(allowAll),
	})
	must(t, err)
	const session = "arn:aws:sts::123456789012:assumed-role/Dev/s1" // without the role's path
	if u := *out.AssumedRoleUser; *u.Arn != session || !strings.HasSuffix(*u.AssumedRoleId, ":s1") {
		t.Errorf("assumed role user is %v", u)
	}
	//lint:ignore SA1019 AWS still sends it
	if *out.SourceIdentity != "jill" || *out.PackedPolicySize < 1 { //nolint:staticcheck
		t.Errorf("source identity %q, or no packed policy size", *out.SourceIdentity)
	}
	lifetime := out.Credentials.Expiration.Sub(before).Round(time.Minute)
	if lifetime != time.Hour {
		t.Errorf("session lasts %v, want 1h", lifetime)
	}
	if !strings.HasPrefix(*out.Credentials.AccessKeyId, "ASIA") {
		t.Errorf("access key ID %s", *out.Credentials.AccessKeyId)
	}
	arn, err = w.whoami(w.with(out.Credentials))
	must(t, err)
	if arn != session {
		t.Errorf("role session is %s, want %s", arn, session)
	}

	st, err := jill.GetSessionToken(t.Context(), &sts.GetSessionTokenInput{})
	must(t, err)
	lifetime = st.Credentials.Expiration.Sub(before).Round(time.Minute)
	if lifetime != 12*time.Hour {
		t.Errorf("session token lasts %v, want 12h", lifetime)
	}
	arn, err = w.whoami(w.with(st.Credentials))
	must(t, err)
	if arn != w.jill.ARN {
		t.Errorf("user with a session token is %s", arn)
	}
}

func TestRequestsAreRecordedWithoutSecrets(t *testing.T) {
	w := newWorld(t)
	code := w.code(0)
	_, err := w.assume(w.asJill(), sts.AssumeRoleInput{
		SerialNumber: aws.String(serial), TokenCode: &code,
	})
	must(t, err)
	_, err = w.assume(w.asJill(), sts.AssumeRoleInput{RoleArn: aws.String(roleARN + "x")})
	wantError(t, err, "AccessDenied", "")
	_, err = w.whoami(w.asJill())
	must(t, err)

	if got := w.Calls("AssumeRole"); got != 2 {
		t.Errorf("%d calls of AssumeRole, want 2", got)
	}
	rs := w.Requests()
	r := rs[0]
	if len(rs) != 3 || r.AccessKeyID != w.jill.Key.ID || r.Region != "eu-west-1" ||
		r.Status != 200 || r.ErrorCode != "" {
		t.Errorf("%d requests, the first is %+v", len(rs), r)
	}
	if r.Params["SerialNumber"] != serial || r.Params["TokenCode"] != "***" ||
		r.Params["RoleArn"] != roleARN || r.Params["Action"] != "" {
		t.Errorf("its parameters are %v", r.Params)
	}
	if rs[1].Status != 403 || rs[1].ErrorCode != "AccessDenied" {
		t.Errorf("second request is %+v", rs[1])
	}
	printed := fmt.Sprintf("%+v %#v", rs, w.jill)
	if strings.Contains(printed, code) || strings.Contains(printed, w.jill.Key.Secret) {
		t.Error("a secret is printed")
	}
	r.Params["RoleArn"] = "changed"
	if w.Requests()[0].Params["RoleArn"] != roleARN {
		t.Error("requests are not copies")
	}
	w.ResetRequests()
	if n := len(w.Requests()); n != 0 {
		t.Errorf("%d requests after a reset", n)
	}
}

func TestConcurrentRequests(t *testing.T) {
	w := newWorld(t)
	const clients = 200
	var wg sync.WaitGroup
	errs := make(chan error, clients)
	for i := range clients {
		wg.Go(func() {
			name := fmt.Sprint("s-", i)
			out, err := w.assume(w.asJill(), sts.AssumeRoleInput{RoleSessionName: &name})
			if err == nil {
				_, err = w.whoami(w.with(out.Credentials))
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

func TestMalformedRequestsAreRefused(t *testing.T) {
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
		{"repeated parameter", "POST", "/", form, "Action=a&Action=b", "MalformedInput"},
		{"no action", "POST", "/", form, "Version=2011-06-15", "MissingAction"},
		{"other version", "POST", "/", form, "Action=GetCallerIdentity&Version=2010-01-01",
			"InvalidAction"},
		{"unsigned", "POST", "/", form, "Action=GetCallerIdentity&Version=2011-06-15",
			"MissingAuthenticationToken"},
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

// do sends a request and returns status and body of the response.
func do(t *testing.T, req *http.Request) (int, string) {
	t.Helper()
	resp, err := http.DefaultClient.Do(req)
	must(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	must(t, err)
	if resp.Header.Get("Date") == "" || resp.Header.Get("Content-Type") != "text/xml" {
		t.Errorf("response headers: %v", resp.Header)
	}
	return resp.StatusCode, string(body)
}

func TestClose(t *testing.T) {
	srv, err := ststest.Start()
	must(t, err)
	elsewhere := httptest.NewServer(srv.Handler())
	defer elsewhere.Close()
	resp, err := http.Get(elsewhere.URL)
	must(t, err)
	resp.Body.Close()

	must(t, srv.Close())
	must(t, srv.Close())
	for _, url := range []string{srv.URL, elsewhere.URL} {
		if resp, err := http.Get(url); err == nil {
			resp.Body.Close()
			t.Errorf("%s responds after Close", url)
		}
	}
}
