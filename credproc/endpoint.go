package credproc

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	smithyendpoints "github.com/aws/smithy-go/endpoints"

	"aws-credproc/internal/diag"
	"aws-credproc/profiles"
)

// Endpoint says where STS is called. The selected profile's settings and the environment decide it, as they do for
// the SDKs; the source profile's settings do not.
// https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html
type Endpoint struct {
	Region string // never empty
	URL    string // as configured; "" where the region decides
	// RegionFrom and URLFrom say where these were found: a variable, or a file and line. "" for the partition's default.
	RegionFrom, URLFrom string
	// Global is the one endpoint for all older regions, whose sessions regions that must be opted in to do not
	// take. https://docs.aws.amazon.com/sdkref/latest/guide/feature-sts-regionalized-endpoints.html
	Global          bool
	FIPS, DualStack bool
}

// Endpoint gives where STS is called for a chain. The error is an [*diag.Error].
func (r *Resolver) Endpoint(c profiles.Chain) (Endpoint, error) { return endpointOf(c, r.Getenv) }

// endpointOf finds the endpoint for a chain. It looks at the environment and the chain only.
func endpointOf(c profiles.Chain, getenv func(string) string) (Endpoint, error) {
	setting := func(variable, key string) string {
		if v := getenv(variable); v != "" {
			return v
		}
		return c.Profile.Get(key)
	}
	e := Endpoint{
		Global:    strings.EqualFold(setting("AWS_STS_REGIONAL_ENDPOINTS", "sts_regional_endpoints"), "legacy"),
		FIPS:      strings.EqualFold(setting("AWS_USE_FIPS_ENDPOINT", "use_fips_endpoint"), "true"),
		DualStack: strings.EqualFold(setting("AWS_USE_DUALSTACK_ENDPOINT", "use_dualstack_endpoint"), "true"),
	}
	e.Region, e.RegionFrom = regionOf(c, getenv)
	if !IsRegion(e.Region) {
		from := "region"
		if strings.HasPrefix(e.RegionFrom, "AWS_") {
			from = e.RegionFrom
		}
		return Endpoint{}, &diag.Error{Profile: c.Profile.Name, Where: "find the STS endpoint", Setting: from,
			Err: fmt.Errorf("the region is %q, which is none", e.Region), Hint: "correct AWS_REGION, AWS_DEFAULT_REGION or the profile's region"}
	}
	if !strings.EqualFold(setting("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "ignore_configured_endpoint_urls"), "true") {
		for _, configured := range []struct{ setting, from, url string }{
			{"AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL_STS", getenv("AWS_ENDPOINT_URL_STS")},
			{"AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL", getenv("AWS_ENDPOINT_URL")},
			{"services", "the endpoint_url of sts in [services " + c.Services.Name + "]", c.Services.Sub("sts", "endpoint_url")},
			{"endpoint_url", "the endpoint_url of [profile " + c.Profile.Name + "]", c.Profile.Get("endpoint_url")},
		} {
			if configured.url == "" {
				continue
			}
			if u, err := url.Parse(configured.url); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
				return Endpoint{}, &diag.Error{Profile: c.Profile.Name, Where: "find the STS endpoint", Setting: configured.setting,
					Err: fmt.Errorf("%s is no URL with http or https", configured.from), Hint: "write it as https://host[:port]"}
			}
			e.URL, e.URLFrom = configured.url, configured.from
			break
		}
	}
	return e, nil
}

// regionOf gives the region whose STS is called, and where it was found.
func regionOf(c profiles.Chain, getenv func(string) string) (region, from string) {
	for _, variable := range []string{"AWS_REGION", "AWS_DEFAULT_REGION"} {
		if region := getenv(variable); region != "" {
			return region, variable
		}
	}
	if p, ok := c.Profile.Properties["region"]; ok && p.Value != "" {
		return p.Value, fmt.Sprintf("%s file, line %d", p.File, p.Line)
	}
	return defaultRegion(partitionOf(c)), ""
}

// IsRegion reports whether a text has the form of a region, which becomes part of the names of hosts.
func IsRegion(s string) bool {
	for _, r := range s {
		if !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '-') {
			return false
		}
	}
	return s != "" && len(s) <= 63 && s[0] != '-' && s[len(s)-1] != '-'
}

// partitionOf gives the partition of the chain's last role, or of its user's MFA device, "aws" where there is none.
func partitionOf(c profiles.Chain) string {
	arn := firstOf(c.Source.RoleARN, c.MFA.Serial)
	if n := len(c.Hops); n > 0 {
		arn = c.Hops[n-1].RoleARN
	}
	if parts := strings.SplitN(arn, ":", 3); len(parts) == 3 {
		return parts[1]
	}
	return "aws"
}

// defaultRegion gives the region whose STS serves a partition where nothing names a region. They are those that the
// SDK's partitions.json calls implicit global regions, but for China, where AWS's pages name Beijing.
func defaultRegion(partition string) string {
	switch partition {
	case "aws-cn":
		return "cn-north-1"
	case "aws-us-gov":
		return "us-gov-west-1"
	case "aws-iso":
		return "us-iso-east-1"
	case "aws-iso-b":
		return "us-isob-east-1"
	case "aws-iso-e":
		return "eu-isoe-west-1"
	case "aws-iso-f":
		return "us-isof-south-1"
	case "aws-eusc":
		return "eusc-de-east-1"
	}
	return "us-east-1"
}

// Resolve gives the URL that STS is called at.
func (e Endpoint) Resolve(ctx context.Context) (string, error) {
	params := sts.EndpointParameters{
		Region: &e.Region, UseFIPS: &e.FIPS, UseDualStack: &e.DualStack, UseGlobalEndpoint: &e.Global,
	}
	if e.URL != "" {
		params.Endpoint = &e.URL
	}
	resolved, err := sts.NewDefaultEndpointResolverV2().ResolveEndpoint(ctx, params)
	if err != nil {
		return "", fmt.Errorf("region %s: %w", e.Region, err)
	}
	return resolved.URI.Redacted(), nil // a configured URL may hold a password
}

// stsURL gives the URL that STS is called at. The error, an [*diag.Error], says that there is none for these settings: that of
// an endpoint with FIPS, say, which AWS has in some regions only.
func (w *way) stsURL(ctx context.Context) (string, error) {
	url, err := w.endpoint.Resolve(ctx)
	if err != nil {
		return "", &diag.Error{Profile: w.chain.Profile.Name, Where: "find the STS endpoint", Err: err,
			Hint: "correct the region, or what stands of use_fips_endpoint, use_dualstack_endpoint and endpoint_url in the profile or in variables", Flags: diag.Local}
	}
	return url, nil
}

// apply makes an STS client use the endpoint.
func (e Endpoint) apply(o *sts.Options) {
	o.Region = e.Region
	if e.URL != "" {
		o.BaseEndpoint = &e.URL
	}
	if e.FIPS {
		o.EndpointOptions.UseFIPSEndpoint = aws.FIPSEndpointStateEnabled
	}
	if e.DualStack {
		o.EndpointOptions.UseDualStackEndpoint = aws.DualStackEndpointStateEnabled
	}
	if e.Global {
		o.EndpointResolverV2 = globalResolver{sts.NewDefaultEndpointResolverV2()}
	}
}

// globalResolver is the SDK's endpoint resolver told to prefer the global endpoint, which the client itself never does.
type globalResolver struct{ sts.EndpointResolverV2 }

func (g globalResolver) ResolveEndpoint(ctx context.Context, p sts.EndpointParameters) (smithyendpoints.Endpoint, error) {
	p.UseGlobalEndpoint = aws.Bool(true)
	return g.EndpointResolverV2.ResolveEndpoint(ctx, p)
}
