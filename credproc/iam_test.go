package credproc

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"aws-credproc/cache"
	"aws-credproc/credproc/plan"
	"aws-credproc/internal/diag"
	"aws-credproc/internal/ststest"
)

func TestIAMEndpoint(t *testing.T) {
	const p = "[profile p]\naws_access_key_id = A\naws_secret_access_key = b\n"
	const services = p + "services = s\nendpoint_url = http://a\n[services s]\niam =\n" +
		"  endpoint_url = http://b\n"
	for name, test := range map[string]struct {
		config, partition string
		env               map[string]string
		url, region       string
	}{
		"AWS":      {p, "aws", nil, "https://iam.amazonaws.com", "us-east-1"},
		"China":    {p, "aws-cn", nil, "https://iam.cn-north-1.amazonaws.com.cn", "cn-north-1"},
		"GovCloud": {p, "aws-us-gov", nil, "https://iam.us-gov.amazonaws.com", "us-gov-west-1"},
		"Europe":   {p, "aws-eusc", nil, "https://iam.eusc-de-east-1.amazonaws.eu", "eusc-de-east-1"},
		"region of the profile": {p + "region = eu-west-1\n", "aws", nil, "https://iam.amazonaws.com",
			"us-east-1"},
		"FIPS": {p + "use_fips_endpoint = true\n", "aws", nil, "https://iam-fips.amazonaws.com",
			"us-east-1"},
		"dual stack": {p, "aws", map[string]string{"AWS_USE_DUALSTACK_ENDPOINT": "true"},
			"https://iam.global.api.aws", "us-east-1"},
		"both": {p + "use_dualstack_endpoint = true\nuse_fips_endpoint = true\n", "aws", nil,
			"https://iam-fips.global.api.aws", "us-east-1"},
		"services section": {services, "aws", nil, "http://b", "us-east-1"},
		"AWS_ENDPOINT_URL": {services, "aws", map[string]string{"AWS_ENDPOINT_URL": "http://c"},
			"http://c", "us-east-1"},
		"AWS_ENDPOINT_URL_IAM": {services, "aws-cn", map[string]string{"AWS_ENDPOINT_URL": "http://c",
			"AWS_ENDPOINT_URL_IAM": "http://d"}, "http://d", "cn-north-1"},
		"ignored": {services + "[profile p]\nignore_configured_endpoint_urls = true\n", "aws", nil,
			"https://iam.amazonaws.com", "us-east-1"},
		"unknown partition": {p, "x", nil, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			c := chainOf(t, test.config, "")
			e, err := plan.EndpointOf(c, getenv(test.env))
			must(t, err)
			r := &Resolver{Getenv: getenv(test.env)}
			client, err := r.newIAMClient(c, e, test.partition, cache.Session{})
			if (err == nil) != (test.url != "") {
				t.Fatal(err)
			}
			if err == nil && (client.url != test.url || client.sdk.Options().Region != test.region) {
				t.Errorf("got %q, %q", client.url, client.sdk.Options().Region)
			}
		})
	}
}

func TestUserName(t *testing.T) {
	for arn, want := range map[string]string{
		"arn:aws:iam::111111111111:user/jill":                "jill",
		"arn:aws-cn:iam::111111111111:user/a/b/j+=,.@-_9":    "j+=,.@-_9",
		"arn:aws:iam::111111111111:root":                     "",
		"arn:aws:iam::111111111111:user/":                    "",
		"arn:aws:iam::111111111111:user/$(reboot)":           "",
		"arn:aws:iam::111111111111:user/-v":                  "",
		"arn:aws:iam::111111111111:user/j ill":               "",
		"arn:aws:iam::111111111111:user/jïll":                "",
		"arn:aws:sts::111111111111:assumed-role/Dev/session": "",
		"": "",
	} {
		if got, ok := userNameOf(arn); ok != (want != "") || ok && got != want {
			t.Errorf("%s: got %q, %v", arn, got, ok)
		}
	}
}

// TestRotationWithWrongClock: requests are signed with the time of AWS, as those of the SDK are.
func TestRotationWithWrongClock(t *testing.T) {
	for _, ahead := range []time.Duration{-time.Hour, time.Hour} {
		r := newRotationTest(t)
		r.sts.SetMaxSkew(5 * time.Minute)
		r.sts.SetNow(func() time.Time { return time.Now().Add(-ahead) })
		r.Getenv = getenv(map[string]string{"AWS_ENDPOINT_URL": r.sts.URL})
		r.Warnf = func(string, ...any) {}
		if _, _, err := r.rotate(false); err != nil {
			t.Fatal(err)
		}
		r.check()
	}
}

// TestIAMCallsAreRepeated: CreateAccessKey is repeated only if it was not executed, the other actions
// after any failure of the server.
func TestIAMCallsAreRepeated(t *testing.T) {
	r := newRotationTest(t)
	r.Getenv = getenv(map[string]string{"AWS_ENDPOINT_URL": r.sts.URL})
	for _, action := range []string{
		"ListAccessKeys", "UpdateAccessKey", "DeleteAccessKey",
	} {
		r.sts.Fault(ststest.Fault{Action: action, Kind: ststest.Fail, Status: 500})
	}
	r.sts.Fault(ststest.Fault{Action: "CreateAccessKey", Kind: ststest.Throttle})
	if _, _, err := r.rotate(false); err != nil {
		t.Fatal(err)
	}
	r.check()
	r.sts.ResetRequests()
	// The response to the first DeleteAccessKey is lost, and the second finds no key.
	r.sts.Fault(ststest.Fault{Action: "DeleteAccessKey", Kind: ststest.Truncate})
	r.sts.Fault(ststest.Fault{Action: "DeleteAccessKey", Kind: ststest.Slow})
	if _, _, err := r.rotate(false); err != nil || r.sts.Calls("DeleteAccessKey") != 2 {
		t.Errorf("%v, %d calls", err, r.sts.Calls("DeleteAccessKey"))
	}
	r.check()
	r.sts.ResetRequests()
	r.sts.Fault(ststest.Fault{Action: "CreateAccessKey", Kind: ststest.Fail, Status: 500})
	if _, _, err := r.rotate(false); !diag.Has(err, diag.Temporary) ||
		r.sts.Calls("CreateAccessKey") != 1 {
		t.Errorf("%v, %d calls", err, r.sts.Calls("CreateAccessKey"))
	}
}

// TestInterruptedIAMCall ends calls of an IAM that fails while they wait for the next attempt.
func TestInterruptedIAMCall(t *testing.T) {
	for want, begin := range map[string]func(context.Context) (context.Context, func()){
		"interrupted": func(ctx context.Context) (context.Context, func()) {
			ctx, cancel := context.WithCancel(ctx)
			return ctx, cancel
		},
		"before the timeout": func(ctx context.Context) (context.Context, func()) {
			ctx, cancel := context.WithTimeout(ctx, time.Second)
			t.Cleanup(cancel)
			return ctx, func() { <-ctx.Done() }
		},
	} {
		r := newRotationTest(t)
		r.Getenv = getenv(map[string]string{"AWS_ENDPOINT_URL": r.sts.URL})
		ro, err := r.prepare()
		must(t, err)
		ctx, end := begin(t.Context())
		ro.res.Waiting = func(text func() string) func() {
			if strings.Contains(text(), "retrying") {
				end()
			}
			return func() {}
		}
		r.sts.Fault(ststest.Fault{Kind: ststest.Fail, Status: 500, Times: ststest.Always})
		err = ro.client.deleteAccessKey(ctx, ro.UserName, ro.secret.ID)
		if got := ro.explain(err, "DeleteAccessKey"); !strings.Contains(got.Error(), want) {
			t.Errorf("%s: %v", want, got)
		}
	}
}

// TestCreateAccessKeyAfterWrongDate: IAM refuses a signature with the time that an earlier response
// had.
func TestCreateAccessKeyAfterWrongDate(t *testing.T) {
	r := newRotationTest(t)
	r.Getenv = getenv(map[string]string{"AWS_ENDPOINT_URL": r.sts.URL})
	r.sts.SetMaxSkew(5 * time.Minute)
	ro, err := r.prepare()
	must(t, err)
	r.sts.SetNow(func() time.Time { return time.Now().Add(3 * time.Hour) })
	_, _, err = ro.client.listAccessKeys(t.Context(), ro.UserName)
	must(t, err)
	r.sts.SetNow(time.Now)
	if _, err = ro.client.createAccessKey(t.Context(), ro.UserName); err != nil {
		t.Error(err)
	}
}

// TestPageOfAProxyIsNoResponseOfIAM: the SDK does not read the responses to these actions.
func TestPageOfAProxyIsNoResponseOfIAM(t *testing.T) {
	for _, action := range []string{"UpdateAccessKey", "DeleteAccessKey"} {
		for _, kind := range []ststest.FaultKind{
			ststest.GarbageHTML, ststest.GarbageXML, ststest.GarbageEmpty,
		} {
			r := newRotationTest(t)
			r.sts.Fault(ststest.Fault{Action: action, Kind: kind})
			_, _, err := r.rotate(false)
			want := "the response did not come from IAM: not valid XML; "
			if kind == ststest.GarbageXML {
				want = "the response did not come from IAM: another document; "
			}
			if err == nil || !strings.Contains(err.Error(), action+": "+want) {
				t.Errorf("%s, %v: got %v", action, kind, err)
			}
			if len(r.sts.AccessKeys(rotatedUser)) != 2 {
				t.Errorf("%s, %v: the old key is deleted", action, kind)
			}
		}
	}
}

const fuzzedIAMResponse = `<%[1]sResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/">` +
	`<%[1]sResult>%[2]s</%[1]sResult></%[1]sResponse>`

// FuzzIAMResponse checks that no response makes the client fail otherwise than with an error, that
// what it returns has the right form, and that errors do not quote a response without an error
// status.
func FuzzIAMResponse(f *testing.F) {
	const member = `<UserName>jill</UserName><AccessKeyId>AKIAX</AccessKeyId><Status>Active</Status>` +
		`<CreateDate>2026-01-01T00:00:00Z</CreateDate><SecretAccessKey>hush</SecretAccessKey>`
	for action, result := range map[string]string{
		"ListAccessKeys": "<AccessKeyMetadata><member>" + member + "</member></AccessKeyMetadata>" +
			"<IsTruncated>false</IsTruncated>",
		"CreateAccessKey": "<AccessKey>" + member + "</AccessKey>",
		"GetAccessKeyLastUsed": "<AccessKeyLastUsed><LastUsedDate>2026-01-01T00:00:00Z</LastUsedDate>" +
			"<ServiceName>s3</ServiceName><Region>hush</Region></AccessKeyLastUsed>",
	} {
		text := fmt.Sprintf(fuzzedIAMResponse, action, result)
		f.Add(uint16(200), []byte(text))
		f.Add(uint16(200), []byte(strings.Replace(text, "2026-01-01T00:00:00Z", "hush", 1)))
		f.Add(uint16(200), []byte(strings.Replace(text, "AKIAX", "hush hush", 1)))
		f.Add(uint16(200), []byte(strings.Replace(text, "false", "true", 1)))
		f.Add(uint16(200), []byte(text[:len(text)/2]))
	}
	f.Add(uint16(403), []byte("<ErrorResponse><Error><Code>AccessDenied</Code><Message>User: "+
		"arn:aws:iam::111111111111:user/jill is not authorized to perform: iam:CreateAccessKey"+
		"</Message></Error></ErrorResponse>"))
	f.Add(uint16(503), []byte("busy\x1b[2J"))
	f.Add(uint16(403), []byte("<html><Message>"+strings.Repeat("no", 5000)+"</Message></html>"))
	f.Fuzz(func(t *testing.T, status uint16, body []byte) {
		limited := &limitedClient{HTTPClient: cannedClient{okStatus(status), body}}
		c := &iamClient{
			sdk: iam.New(iam.Options{
				Region: "us-east-1", HTTPClient: limited, Retryer: aws.NopRetryer{},
			}),
			http: limited, url: "http://127.0.0.1", profile: "p",
			session: cache.Session{AccessKeyID: "AKIA", SecretAccessKey: "x"},
		}
		check := func(action string, err error) {
			t.Helper()
			if err == nil {
				return
			}
			text := diag.Text(c.explain(err, action))
			if len(text) > 2000 || okStatus(status) == 200 && strings.Contains(text, "hush") {
				t.Errorf("%s: %s", action, text)
			}
		}
		ctx := context.Background()
		keys, _, err := c.listAccessKeys(ctx, "jill")
		for _, k := range keys {
			if !isAccessKeyID(k.ID) {
				t.Errorf("accepted %q", k.ID)
			}
		}
		check("ListAccessKeys", err)
		key, err := c.createAccessKey(ctx, "jill")
		if s := sessionOfKey(key); err == nil && (!isAccessKeyID(key.ID) || malformed(s) != "") {
			t.Errorf("accepted %q", key.ID)
		}
		check("CreateAccessKey", err)
		_, service, err := c.lastUsed(ctx, "AKIA")
		if err == nil && len(service) > 64 {
			t.Errorf("accepted %q", service)
		}
		check("GetAccessKeyLastUsed", err)
	})
}
