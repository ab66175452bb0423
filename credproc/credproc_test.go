package credproc

import (
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"aws-credproc/cache"
	"aws-credproc/internal/diag"
	"aws-credproc/profiles"
)

const base = "[base]\naws_access_key_id = AKIABASE\naws_secret_access_key = s\n"

// chainOf resolves the profile p of a config file.
func chainOf(t *testing.T, config, credentials string) profiles.Chain {
	t.Helper()
	dir := t.TempDir()
	c, k := filepath.Join(dir, "config"), filepath.Join(dir, "credentials")
	for path, text := range map[string]string{c: config, k: credentials} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f, err := profiles.Load(c, k)
	if err != nil {
		t.Fatal(err)
	}
	chain, err := f.Chain("p")
	if err != nil {
		t.Fatal(err)
	}
	return chain
}

func getenv(env map[string]string) func(string) string {
	return func(name string) string { return env[name] }
}

const role = "role_arn = arn:aws:iam::111111111111:role/A\nsource_profile = base\n"

func TestKeyHoldsWhatDecidesTheAnswerAndNothingElse(t *testing.T) {
	key := func(config, credentials string, env map[string]string) cache.Key {
		t.Helper()
		r := Resolver{Getenv: getenv(env)}
		k, ok, err := r.Key(chainOf(t, config, credentials))
		if err != nil || !ok {
			t.Fatalf("key: %v, cached %v", err, ok)
		}
		return k
	}
	const p = "[profile p]\n" + role
	usual := key(p, base, nil)
	for name, test := range map[string]struct {
		config, credentials string
		env                 map[string]string
		same                bool
	}{
		"nothing":                  {p, base, nil, true},
		"region":                   {p + "region = eu-west-1", base, nil, true},
		"region variable":          {p, base, map[string]string{"AWS_REGION": "eu-west-1"}, true},
		"output":                   {p + "output = text", base, nil, true},
		"FIPS endpoint":            {p + "use_fips_endpoint = true", base, nil, true},
		"source's name":            {strings.ReplaceAll(p, "base", "other"), strings.ReplaceAll(base, "base", "other"), nil, true},
		"source's secret":          {p, strings.ReplaceAll(base, "= s", "= z"), nil, true},
		"ignored endpoint":         {p + "endpoint_url = http://x\nignore_configured_endpoint_urls = true", base, nil, true},
		"source key":               {p, strings.ReplaceAll(base, "AKIABASE", "AKIAOTHER"), nil, false},
		"role":                     {strings.ReplaceAll(p, "role/A", "role/B"), base, nil, false},
		"partition":                {strings.ReplaceAll(p, "arn:aws:", "arn:aws-cn:"), base, nil, false},
		"session name":             {p + "role_session_name = jill", base, nil, false},
		"external ID":              {p + "external_id = jill", base, nil, false},
		"duration":                 {p + "duration_seconds = 3600", base, nil, false},
		"MFA device":               {p + "mfa_serial = arn:aws:iam::111111111111:mfa/jill", base, nil, false},
		"endpoint":                 {p + "endpoint_url = http://x", base, nil, false},
		"endpoint variable":        {p, base, map[string]string{"AWS_ENDPOINT_URL_STS": "http://x"}, false},
		"global endpoint":          {p + "sts_regional_endpoints = legacy", base, nil, false},
		"global endpoint variable": {p, base, map[string]string{"AWS_STS_REGIONAL_ENDPOINTS": "legacy"}, false},
		"a role between":           {"[profile p]\nrole_arn = arn:aws:iam::111111111111:role/A\nsource_profile = q\n[profile q]\n" + role, base, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := key(test.config, test.credentials, test.env) == usual; got != test.same {
				t.Errorf("same key: %v, want %v", got, test.same)
			}
		})
	}
}

func TestKeyFieldsCannotRunIntoEachOther(t *testing.T) {
	a := chainOf(t, "[profile p]\n"+role+"role_session_name = abc\nexternal_id = def", base)
	b := chainOf(t, "[profile p]\n"+role+"role_session_name = ab\nexternal_id = cdef", base)
	if keyOf(a, linksOf(a, getenv(nil))[1:2], Endpoint{}, getenv(nil)) == keyOf(b, linksOf(b, getenv(nil))[1:2], Endpoint{}, getenv(nil)) {
		t.Error("two chains have one key")
	}
}

func TestAHopHasTheKeyOfItsOwnProfile(t *testing.T) {
	config := "[profile %]\nrole_arn = arn:aws:iam::222222222222:role/B\nsource_profile = hop\n[profile hop]\n" + role
	long := chainOf(t, strings.ReplaceAll(config, "%", "p"), base)
	hop := chainOf(t, "[profile p]\n"+role, base)
	if keyOf(long, linksOf(long, getenv(nil))[1:2], Endpoint{}, getenv(nil)) != keyOf(hop, linksOf(hop, getenv(nil))[1:2], Endpoint{}, getenv(nil)) {
		t.Error("a shared hop has two keys")
	}
}

func TestEndpoint(t *testing.T) {
	const p = "[profile p]\n" + role
	for name, test := range map[string]struct {
		config string
		env    map[string]string
		region string
		url    string
	}{
		"no region":               {p, nil, "us-east-1", "https://sts.us-east-1.amazonaws.com"},
		"no region in China":      {strings.ReplaceAll(p, "arn:aws:", "arn:aws-cn:"), nil, "cn-north-1", "https://sts.cn-north-1.amazonaws.com.cn"},
		"no region in GovCloud":   {strings.ReplaceAll(p, "arn:aws:", "arn:aws-us-gov:"), nil, "us-gov-west-1", "https://sts.us-gov-west-1.amazonaws.com"},
		"profile's region":        {p + "region = eu-west-1", nil, "eu-west-1", "https://sts.eu-west-1.amazonaws.com"},
		"source's region is not":  {p + "[profile base]\nregion = eu-west-1", nil, "us-east-1", "https://sts.us-east-1.amazonaws.com"},
		"AWS_DEFAULT_REGION":      {p + "region = eu-west-1", map[string]string{"AWS_DEFAULT_REGION": "eu-west-2"}, "eu-west-2", "https://sts.eu-west-2.amazonaws.com"},
		"AWS_REGION":              {p, map[string]string{"AWS_REGION": "eu-west-3", "AWS_DEFAULT_REGION": "eu-west-2"}, "eu-west-3", "https://sts.eu-west-3.amazonaws.com"},
		"endpoint_url":            {p + "endpoint_url = http://a", nil, "us-east-1", "http://a"},
		"services section":        {p + "endpoint_url = http://a\nservices = s\n[services s]\nsts =\n  endpoint_url = http://b", nil, "us-east-1", "http://b"},
		"services without sts":    {p + "endpoint_url = http://a\nservices = s\n[services s]\ns3 =\n  endpoint_url = http://b", nil, "us-east-1", "http://a"},
		"AWS_ENDPOINT_URL":        {p + "endpoint_url = http://a\nservices = s\n[services s]\nsts =\n  endpoint_url = http://b", map[string]string{"AWS_ENDPOINT_URL": "http://c"}, "us-east-1", "http://c"},
		"AWS_ENDPOINT_URL_STS":    {p, map[string]string{"AWS_ENDPOINT_URL": "http://c", "AWS_ENDPOINT_URL_STS": "http://d"}, "us-east-1", "http://d"},
		"ignored by the profile":  {p + "endpoint_url = http://a\nignore_configured_endpoint_urls = true", nil, "us-east-1", "https://sts.us-east-1.amazonaws.com"},
		"ignored by a variable":   {p, map[string]string{"AWS_ENDPOINT_URL_STS": "http://d", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"}, "us-east-1", "https://sts.us-east-1.amazonaws.com"},
		"global in an old one":    {p + "region = eu-west-1\nsts_regional_endpoints = legacy", nil, "eu-west-1", "https://sts.amazonaws.com"},
		"global in a new one":     {p + "region = af-south-1\nsts_regional_endpoints = legacy", nil, "af-south-1", "https://sts.af-south-1.amazonaws.com"},
		"FIPS":                    {p + "use_fips_endpoint = true", nil, "us-east-1", "https://sts-fips.us-east-1.amazonaws.com"},
		"FIPS by a variable":      {p, map[string]string{"AWS_USE_FIPS_ENDPOINT": "true"}, "us-east-1", "https://sts-fips.us-east-1.amazonaws.com"},
		"FIPS off by a variable":  {p + "use_fips_endpoint = true", map[string]string{"AWS_USE_FIPS_ENDPOINT": "false"}, "us-east-1", "https://sts.us-east-1.amazonaws.com"},
		"dual stack by a setting": {p + "use_dualstack_endpoint = true", nil, "us-east-1", "https://sts.us-east-1.api.aws"},
		"global by a variable":    {p + "region = eu-west-1", map[string]string{"AWS_STS_REGIONAL_ENDPOINTS": "legacy"}, "eu-west-1", "https://sts.amazonaws.com"},
		"dual stack":              {p, map[string]string{"AWS_USE_DUALSTACK_ENDPOINT": "true"}, "us-east-1", "https://sts.us-east-1.api.aws"},
	} {
		t.Run(name, func(t *testing.T) {
			e, err := endpointOf(chainOf(t, test.config, base), getenv(test.env))
			if err != nil {
				t.Fatal(err)
			}
			url, err := e.Resolve(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if e.Region != test.region || url != test.url {
				t.Errorf("region %s, endpoint %s, want %s, %s", e.Region, url, test.region, test.url)
			}
		})
	}
}

func TestEveryPartitionHasAnEndpointWithoutARegion(t *testing.T) {
	for _, partition := range []string{"aws", "aws-cn", "aws-us-gov", "aws-iso", "aws-iso-b", "aws-iso-e", "aws-iso-f", "aws-eusc"} {
		e := Endpoint{Region: defaultRegion(partition)}
		url, err := e.Resolve(t.Context())
		if err != nil || partition != "aws" && e.Region == "us-east-1" {
			t.Errorf("%s: region %s, endpoint %s, %v", partition, e.Region, url, err)
		}
	}
}

func TestEndpointThatIsNoURL(t *testing.T) {
	for _, url := range []string{"localhost:1", "ftp://x", "http://", "://", "http://\x7f"} {
		if _, err := endpointOf(chainOf(t, "[profile p]\n"+role, base), getenv(map[string]string{"AWS_ENDPOINT_URL_STS": url})); err == nil {
			t.Errorf("%q is taken", url)
		}
	}
}

// No call is made, so it is nothing that passes, nor anything to tell other processes.
func TestSettingsWithoutAnEndpointAreNoFailureOfSTS(t *testing.T) {
	r, s, env := online(t)
	env["AWS_USE_FIPS_ENDPOINT"] = "true" // which no endpoint of one's own can have
	chain := chainOf(t, roleOfEnvironment, "")
	var e *diag.Error
	if _, err := r.Credentials(t.Context(), chain); !errors.As(err, &e) || e.Has(diag.Temporary) || e.Where != "find the STS endpoint" || !strings.Contains(e.Hint, "use_fips_endpoint") {
		t.Errorf("%v", err)
	}
	if all, err := r.Cache.Facts(); err != nil || len(all) > 0 || len(s.Requests()) > 0 {
		t.Errorf("%+v, %v, %d requests", all, err, len(s.Requests()))
	}
}

func TestLifetimes(t *testing.T) {
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	for name, test := range map[string]struct {
		lifetime, left           time.Duration
		servable, kept, isSource bool
	}{
		"new":                    {time.Hour, time.Hour, true, true, true},
		"11 minutes of an hour":  {time.Hour, 11 * time.Minute, true, true, true},
		"less than 11 minutes":   {time.Hour, 11*time.Minute - 1, false, true, true},
		"a minute":               {time.Hour, time.Minute, false, true, true},
		"less than a minute":     {time.Hour, time.Minute - 1, false, false, false},
		"over":                   {time.Hour, -time.Minute, false, false, false},
		"a quarter of 15 min":    {15 * time.Minute, 225 * time.Second, true, true, true},
		"less than a quarter":    {15 * time.Minute, 225*time.Second - 1, false, true, true},
		"a tenth of two minutes": {2 * time.Minute, 12 * time.Second, false, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := cache.Session{Issued: now.Add(test.left - test.lifetime), Expiration: now.Add(test.left)}
			if got := isServable(s, now); got != test.servable {
				t.Errorf("servable: %v", got)
			}
			if got := isKept(s, now); got != test.kept {
				t.Errorf("kept: %v", got)
			}
			if got := isSource(s, now); got != test.isSource {
				t.Errorf("source: %v", got)
			}
		})
	}
}

func TestOutputIsWhatTheSDKsRead(t *testing.T) {
	at := time.Date(2030, 1, 1, 2, 0, 0, 999, time.FixedZone("", 7200))
	for name, test := range map[string]struct {
		s    cache.Session
		want string
	}{
		"session": {cache.Session{AccessKeyID: "A", SecretAccessKey: "B", SessionToken: "C", AccountID: "1", Expiration: at},
			`{"Version":1,"AccessKeyId":"A","SecretAccessKey":"B","SessionToken":"C","Expiration":"2030-01-01T00:00:00Z","AccountId":"1"}` + "\n"},
		"static keys": {cache.Session{AccessKeyID: "A", SecretAccessKey: "B"}, `{"Version":1,"AccessKeyId":"A","SecretAccessKey":"B"}` + "\n"},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := Output(test.s)
			if err != nil || string(out) != test.want {
				t.Errorf("output %s, %v", out, err)
			}
		})
	}
}

func TestASCIIKeepsTheMeaning(t *testing.T) {
	const text = "a\x1b\u009b\u202e\u2028é😀\n\"\\"
	b, err := json.Marshal(text)
	if err != nil {
		t.Fatal(err)
	}
	out := ASCII(b)
	if strings.ContainsFunc(string(out), func(r rune) bool { return r < ' ' || r > '~' }) {
		t.Errorf("%q is not ASCII", out)
	}
	var back string
	if err := json.Unmarshal(out, &back); err != nil || back != text {
		t.Errorf("read back %q, %v", back, err)
	}
}

func TestSessionName(t *testing.T) {
	for name, want := range map[string]string{
		"jill": "jill", `CORP\jill`: "jill", "jill doe": "jill-doe", "j": "aws-credproc", "": "aws-credproc",
		"é@x": "-@x", strings.Repeat("x", 70): strings.Repeat("x", 64),
	} {
		if got := validSessionName(name); got != want {
			t.Errorf("%q becomes %q, want %q", name, got, want)
		}
	}
}

// onlyMeanwhile is an HTTP client whose answers can be read only until Do has returned.
type onlyMeanwhile struct{ body *expiringBody }

type expiringBody struct {
	io.Reader
	over bool
}

func (b *expiringBody) Read(p []byte) (int, error) {
	if b.over {
		return 0, net.ErrClosed
	}
	return b.Reader.Read(p)
}

func (c onlyMeanwhile) Do(*http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: 200, Body: io.NopCloser(c.body)}, nil
}

func TestAnAnswerIsReadBeforeTheSDKCanCloseItsConnection(t *testing.T) {
	body := &expiringBody{Reader: strings.NewReader("answer")}
	resp, err := (&boundedClient{HTTPClient: onlyMeanwhile{body}}).Do(nil)
	if err != nil {
		t.Fatal(err)
	}
	body.over = true
	if got, err := io.ReadAll(resp.Body); err != nil || string(got) != "answer" {
		t.Errorf("read %q, %v", got, err)
	}
}
