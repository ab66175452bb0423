package credproc

import (
	"bytes"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/endpointcreds"
	"github.com/aws/aws-sdk-go-v2/credentials/ssocreds"
	"github.com/aws/aws-sdk-go-v2/service/sso"
	"github.com/aws/aws-sdk-go-v2/service/ssooidc"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go/middleware"

	"aws-credproc/cache"
	"aws-credproc/credproc/plan"
	"aws-credproc/internal/diag"
	"aws-credproc/profiles"
)

// cannedClient returns one response.
type cannedClient struct {
	status int
	body   []byte
}

func (c cannedClient) Do(*http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: c.status, Body: io.NopCloser(bytes.NewReader(c.body)),
		Header: http.Header{"Content-Type": {"application/json"}},
	}, nil
}

// okStatus returns 200 or a status of an error, so that fuzzing need not find them.
func okStatus(status uint16) int {
	if status < 400 {
		return 200
	}
	return 400 + int(status)%200
}

// checkFuzzed checks the result for a response. Only the code and message of a refusal may be
// quoted, which have the status of an error.
func checkFuzzed(t *testing.T, s cache.Session, err error, status int) {
	t.Helper()
	if err == nil {
		problem := malformed(s)
		if problem != "" || !s.Expiration.IsZero() && !s.Expiration.After(s.Issued) {
			t.Errorf("accepted: %s, expires at %v, issued at %v", problem, s.Expiration, s.Issued)
		}
		return
	}
	text := diag.Text(err)
	if len(text) > 2000 {
		t.Errorf("error of %d bytes", len(text))
	}
	if status < 400 && strings.Contains(text, "hush") {
		t.Errorf("the error quotes the response: %s", text)
	}
}

const fuzzedSTSResponse = `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
<AssumeRoleResult><AssumedRoleUser><Arn>arn:aws:sts::` + account + `:assumed-role/Dev/x</Arn>
<AssumedRoleId>AROA:x</AssumedRoleId></AssumedRoleUser><Credentials><AccessKeyId>ASIA</AccessKeyId>
<SecretAccessKey>hush</SecretAccessKey><SessionToken>hush</SessionToken>
<Expiration>2026-01-01T01:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>`

func FuzzSTSResponse(f *testing.F) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	f.Add(uint16(200), []byte(fuzzedSTSResponse))
	f.Add(uint16(200), []byte(strings.Replace(fuzzedSTSResponse, "2026-01-01T01:00:00Z", "hush", 1)))
	for _, change := range [][2]string{
		{"2026-01-01T01:00:00Z", "2026-01-01T00:00:00Z"}, // expired
		{"2026-01-01T01:00:00Z", "2027-01-01T01:00:00Z"}, // longer than AWS allows
		{"<SessionToken>hush</SessionToken>", ""},
		{account, "666666666666"},
	} {
		f.Add(uint16(200), []byte(strings.Replace(fuzzedSTSResponse, change[0], change[1], 1)))
	}
	f.Add(uint16(403), []byte(`<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code>
<Message>User: arn:aws:iam::1:user/j is not authorized to perform: sts:AssumeRole on resource: x</Message>
</Error></ErrorResponse>`))
	f.Add(uint16(403), []byte(`<Response><Errors><Error><Code>x</Code></Error></Errors></Response>`))
	f.Add(uint16(500), []byte(`<html>`))
	caller := cache.Session{AccessKeyID: "AKIABASE", SecretAccessKey: "s"}
	hop := profiles.Hop{Profile: "p", RoleARN: devARN}
	f.Fuzz(func(t *testing.T, number uint16, body []byte) {
		status := okStatus(number)
		limited := &limitedClient{HTTPClient: cannedClient{status, body}}
		client := &stsClient{
			options: sts.Options{
				Region: "us-east-1", HTTPClient: limited, Retryer: aws.NopRetryer{},
			},
			watch: func(*sts.Options) {}, endpoint: plan.Endpoint{Region: "us-east-1"},
			now: func() time.Time { return now }, warnf: func(string, ...any) {}, http: limited,
		}
		s, err := client.assumeRole(t.Context(), caller, hop, nil)
		if err != nil {
			err = client.explain(err, stsCall{
				profile: "p", link: plan.Link{Type: plan.TypeAssumeRole, Role: &hop}, hop: hop,
				caller: "base", keyID: caller.AccessKeyID,
			})
		} else if s.AccountID != "" && s.AccountID != account ||
			s.Expiration.Sub(s.Issued) > plan.MaxLifetime+plan.MaxSkew || s.SessionToken == "" {
			t.Errorf("accepted: account %s, expires at %v", s.AccountID, s.Expiration)
		}
		checkFuzzed(t, s, err, status)
	})
}

// FuzzServiceResponse sends the same response as those of IAM Identity Center, of its OIDC service
// and of a container's endpoint.
func FuzzServiceResponse(f *testing.F) {
	for _, body := range []string{
		`{"roleCredentials":{"accessKeyId":"ASIA","secretAccessKey":"hush","sessionToken":"hush",` +
			`"expiration":4102444800000}}`,
		`{"accessToken":"hush","expiresIn":28800,"refreshToken":"hush","tokenType":"Bearer"}`,
		`{"AccessKeyId":"A","SecretAccessKey":"hush","Token":"hush","Expiration":"2100-01-01T00:00:00Z"}`,
		`{"AccessKeyId":"A","SecretAccessKey":"b","Token":"c","Expiration":"hush"}`,
		`{"roleCredentials":{"expiration":"hush"},"expiresIn":"hush"}`, `{"roleCredentials":null}`,
	} {
		f.Add(uint16(200), []byte(body))
	}
	f.Add(uint16(401), []byte(`{"__type":"UnauthorizedException","message":"no"}`))
	f.Add(uint16(400), []byte(`{"error":"invalid_grant","error_description":"no"}`))
	token := []byte(`{"accessToken":"old","expiresAt":"2020-01-01T00:00:00Z","refreshToken":"r",` +
		`"clientId":"c","clientSecret":"s"}`)
	path, signedIn := filepath.Join(f.TempDir(), "old.json"), filepath.Join(f.TempDir(), "new.json")
	valid := bytes.ReplaceAll(token, []byte("2020"), []byte("2100"))
	if err := os.WriteFile(signedIn, valid, 0o600); err != nil {
		f.Fatal(err)
	}
	s := source{Resolver: &Resolver{Now: time.Now, Tracef: func(string, ...any) {}}}
	f.Fuzz(func(t *testing.T, number uint16, body []byte) {
		status := okStatus(number)
		client := cannedClient{status, body}
		limit := []func(*middleware.Stack) error{limitAnswers}

		portal := sso.New(sso.Options{
			Region: "eu-west-1", HTTPClient: client, Retryer: aws.NopRetryer{}, APIOptions: limit,
		})
		found, err := retrieve(t.Context(), s, ssocreds.New(portal, account, "Jill", ssoStart,
			func(o *ssocreds.Options) { o.CachedTokenFilepath = signedIn }))
		check(t, s, found, err, status)

		found, err = retrieve(t.Context(), s, endpointcreds.New("http://127.0.0.1/",
			func(o *endpointcreds.Options) {
				o.HTTPClient, o.Retryer, o.APIOptions = client, aws.NopRetryer{}, limit
			}))
		check(t, s, found, err, status)

		if err := os.WriteFile(path, token, 0o600); err != nil {
			t.Fatal(err)
		}
		oidc := ssooidc.New(ssooidc.Options{
			Region: "eu-west-1", HTTPClient: client, Retryer: aws.NopRetryer{}, APIOptions: limit,
		})
		_, err = ssocreds.NewSSOTokenProvider(oidc, path).RetrieveBearerToken(t.Context())
		if err != nil {
			checkFuzzed(t, cache.Session{}, signInFailure(s, ssoService, err, nil), status)
		}
	})
}

// check is checkFuzzed for the result of retrieve.
func check(t *testing.T, s source, found cache.Session, err error, status int) {
	t.Helper()
	if err != nil {
		err = serviceError(s, ssoService, err, "")
	}
	checkFuzzed(t, found, err, status)
}
