package credproc

import (
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"aws-credproc/credproc/plan"
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

func TestEndpoint(t *testing.T) {
	const p = "[profile p]\n" + role
	for name, test := range map[string]struct {
		config string
		env    map[string]string
		region string
		url    string
	}{
		"no region": {p, nil, "us-east-1", "https://sts.us-east-1.amazonaws.com"},
		"no region in China": {
			strings.ReplaceAll(p, "arn:aws:", "arn:aws-cn:"), nil, "cn-north-1",
			"https://sts.cn-north-1.amazonaws.com.cn",
		},
		"no region in GovCloud": {
			strings.ReplaceAll(p, "arn:aws:", "arn:aws-us-gov:"), nil, "us-gov-west-1",
			"https://sts.us-gov-west-1.amazonaws.com",
		},
		"profile's region": {
			p + "region = eu-west-1", nil, "eu-west-1", "https://sts.eu-west-1.amazonaws.com",
		},
		"source's region is not": {
			p + "[profile base]\nregion = eu-west-1", nil, "us-east-1",
			"https://sts.us-east-1.amazonaws.com",
		},
		"AWS_DEFAULT_REGION": {
			p + "region = eu-west-1", map[string]string{"AWS_DEFAULT_REGION": "eu-west-2"}, "eu-west-2",
			"https://sts.eu-west-2.amazonaws.com",
		},
		"AWS_REGION": {
			p, map[string]string{"AWS_REGION": "eu-west-3", "AWS_DEFAULT_REGION": "eu-west-2"}, "eu-west-3",
			"https://sts.eu-west-3.amazonaws.com",
		},
		"endpoint_url": {p + "endpoint_url = http://a", nil, "us-east-1", "http://a"},
		"services section": {
			p + "endpoint_url = http://a\nservices = s\n[services s]\nsts =\n  endpoint_url = http://b", nil,
			"us-east-1", "http://b",
		},
		"services without sts": {
			p + "endpoint_url = http://a\nservices = s\n[services s]\ns3 =\n  endpoint_url = http://b", nil,
			"us-east-1", "http://a",
		},
		"AWS_ENDPOINT_URL": {
			p + "endpoint_url = http://a\nservices = s\n[services s]\nsts =\n  endpoint_url = http://b",
			map[string]string{"AWS_ENDPOINT_URL": "http://c"}, "us-east-1", "http://c",
		},
		"AWS_ENDPOINT_URL_STS": {
			p, map[string]string{"AWS_ENDPOINT_URL": "http://c", "AWS_ENDPOINT_URL_STS": "http://d"},
			"us-east-1", "http://d",
		},
		"ignored by the profile": {
			p + "endpoint_url = http://a\nignore_configured_endpoint_urls = true", nil, "us-east-1",
			"https://sts.us-east-1.amazonaws.com",
		},
		"ignored by a variable": {
			p,
			map[string]string{"AWS_ENDPOINT_URL_STS": "http://d",
				"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"},
			"us-east-1", "https://sts.us-east-1.amazonaws.com",
		},
		"global in an old one": {
			p + "region = eu-west-1\nsts_regional_endpoints = legacy", nil, "eu-west-1",
			"https://sts.amazonaws.com",
		},
		"global in a new one": {
			p + "region = af-south-1\nsts_regional_endpoints = legacy", nil, "af-south-1",
			"https://sts.af-south-1.amazonaws.com",
		},
		"FIPS": {
			p + "use_fips_endpoint = true", nil, "us-east-1", "https://sts-fips.us-east-1.amazonaws.com",
		},
		"FIPS by a variable": {
			p, map[string]string{"AWS_USE_FIPS_ENDPOINT": "true"}, "us-east-1",
			"https://sts-fips.us-east-1.amazonaws.com",
		},
		"FIPS off by a variable": {
			p + "use_fips_endpoint = true", map[string]string{"AWS_USE_FIPS_ENDPOINT": "false"}, "us-east-1",
			"https://sts.us-east-1.amazonaws.com",
		},
		"dual stack by a setting": {
			p + "use_dualstack_endpoint = true", nil, "us-east-1", "https://sts.us-east-1.api.aws",
		},
		"global by a variable": {
			p + "region = eu-west-1", map[string]string{"AWS_STS_REGIONAL_ENDPOINTS": "legacy"}, "eu-west-1",
			"https://sts.amazonaws.com",
		},
		"dual stack": {
			p, map[string]string{"AWS_USE_DUALSTACK_ENDPOINT": "true"}, "us-east-1",
			"https://sts.us-east-1.api.aws",
		},
	} {
		t.Run(name, func(t *testing.T) {
			e, err := plan.EndpointOf(chainOf(t, test.config, base), getenv(test.env))
			if err != nil {
				t.Fatal(err)
			}
			url, err := endpointURL(t.Context(), e)
			if err != nil {
				t.Fatal(err)
			}
			if e.Region != test.region || url != test.url {
				t.Errorf("region %s, endpoint %s, want %s, %s", e.Region, url, test.region, test.url)
			}
		})
	}
}

func TestDefaultRegionHasEndpointInEveryPartition(t *testing.T) {
	for _, partition := range []string{"aws", "aws-cn", "aws-us-gov", "aws-iso", "aws-iso-b",
		"aws-iso-e", "aws-iso-f", "aws-eusc"} {
		e := plan.Endpoint{Region: plan.DefaultRegion(partition)}
		url, err := endpointURL(t.Context(), e)
		if err != nil || partition != "aws" && e.Region == "us-east-1" {
			t.Errorf("%s: region %s, endpoint %s, %v", partition, e.Region, url, err)
		}
	}
}

// No call is made, so the error is neither temporary nor shared.
func TestMissingEndpointIsNotAFailureOfSTS(t *testing.T) {
	r, s, env := online(t)
	env["AWS_USE_FIPS_ENDPOINT"] = "true" // which no endpoint of one's own can have
	chain := chainOf(t, roleOfEnvironment, "")
	var e *diag.Error
	if _, err := r.Credentials(t.Context(), chain); !errors.As(err, &e) || e.Has(diag.Temporary) ||
		e.Where != "STS endpoint" || !strings.Contains(e.Hint, "use_fips_endpoint") {
		t.Errorf("%v", err)
	}
	if all, err := r.Cache.Facts(); err != nil || len(all) > 0 || len(s.Requests()) > 0 {
		t.Errorf("%+v, %v, %d requests", all, err, len(s.Requests()))
	}
}

// closingClient is an HTTP client whose responses can be read only until Do returns.
type closingClient struct{ body *closableBody }

type closableBody struct {
	io.Reader
	over bool
}

func (b *closableBody) Read(p []byte) (int, error) {
	if b.over {
		return 0, net.ErrClosed
	}
	return b.Reader.Read(p)
}

func (c closingClient) Do(*http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: 200, Body: io.NopCloser(c.body)}, nil
}

func TestResponseIsReadBeforeSDKClosesConnection(t *testing.T) {
	body := &closableBody{Reader: strings.NewReader("answer")}
	resp, err := (&limitedClient{HTTPClient: closingClient{body}}).Do(nil)
	if err != nil {
		t.Fatal(err)
	}
	body.over = true
	if got, err := io.ReadAll(resp.Body); err != nil || string(got) != "answer" {
		t.Errorf("read %q, %v", got, err)
	}
}
