package credproc

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	smithyendpoints "github.com/aws/smithy-go/endpoints"

	"aws-credproc/credproc/plan"
	"aws-credproc/internal/diag"
	"aws-credproc/internal/printable"
	"aws-credproc/profiles"
)

// Endpoint returns where STS is called for a chain. The error is a [*diag.Error].
func (r *Resolver) Endpoint(c profiles.Chain) (plan.Endpoint, error) {
	return plan.EndpointOf(c, r.Getenv)
}

// STSURL returns the URL at which STS is called for a chain, without a password. The error is a
// [*diag.Error].
func (r *Resolver) STSURL(ctx context.Context, c profiles.Chain) (string, error) {
	p, err := r.newPlan(c)
	if err != nil {
		return "", err
	}
	return stsURL(ctx, p)
}

// newPlan is [plan.New], for configured URLs that can be used.
func (r *Resolver) newPlan(c profiles.Chain) (plan.Plan, error) {
	p, err := plan.New(c, r.Getenv)
	if err != nil {
		return plan.Plan{}, err
	}
	services := append(slices.Clone(p.Services),
		plan.Service{ID: sts.ServiceID, URL: p.Endpoint.URL, URLFrom: p.Endpoint.URLFrom})
	return p, checkURL(c.Profile.Name, services...)
}

// serviceEndpoint is [plan.ServiceEndpoint], for a URL that can be used.
func serviceEndpoint(
	id string, p, services profiles.Section, getenv func(string) string,
) (plan.Service, error) {
	s, err := plan.ServiceEndpoint(id, p, services, getenv)
	if err != nil {
		return plan.Service{}, err
	}
	return s, checkURL(p.Name, s)
}

// checkURL returns an error if the configured URL of a service cannot be used. The SDK's own error
// quotes the URL, with a password in it, and package plan does not use package net/url.
func checkURL(profile string, services ...plan.Service) error {
	for _, s := range services {
		if _, err := url.Parse(s.URL); err != nil {
			return &diag.Error{
				Profile: profile, Where: s.ID + " endpoint", Flags: diag.Local,
				Err:  errors.New(s.URLFrom + " is not a valid URL"),
				Hint: "write it as https://host[:port]",
			}
		}
	}
	return nil
}

// endpointURL returns the URL at which STS is called, without a password.
func endpointURL(ctx context.Context, e plan.Endpoint) (string, error) {
	params := sts.EndpointParameters{
		Region: &e.Region, UseFIPS: &e.FIPS, UseDualStack: &e.DualStack, UseGlobalEndpoint: &e.Global,
	}
	if e.URL != "" {
		params.Endpoint = &e.URL
	}
	resolved, err := sts.NewDefaultEndpointResolverV2().ResolveEndpoint(ctx, params)
	if err != nil {
		why := strings.TrimPrefix(err.Error(), "endpoint rule error, ")
		return "", fmt.Errorf("no endpoint in region %s: %s", e.Region, printable.Mask(why))
	}
	return resolved.URI.Redacted(), nil
}

// stsURL is endpointURL with a [*diag.Error]: some settings have no endpoint, such as FIPS in most
// regions.
func stsURL(ctx context.Context, p plan.Plan) (string, error) {
	text, err := endpointURL(ctx, p.Endpoint)
	if err != nil {
		return "", &diag.Error{
			Profile: p.Chain.Profile.Name, Where: "STS endpoint", Err: err, Flags: diag.Local,
			Hint: "correct region, use_fips_endpoint, use_dualstack_endpoint or endpoint_url, " +
				"or their variables",
		}
	}
	return text, nil
}

// useEndpoint makes an STS client use the endpoint.
func useEndpoint(o *sts.Options, e plan.Endpoint) {
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

// globalResolver is the SDK's endpoint resolver with the global endpoint preferred, which the
// client has no option for.
type globalResolver struct{ sts.EndpointResolverV2 }

func (g globalResolver) ResolveEndpoint(
	ctx context.Context, p sts.EndpointParameters,
) (smithyendpoints.Endpoint, error) {
	p.UseGlobalEndpoint = aws.Bool(true)
	return g.EndpointResolverV2.ResolveEndpoint(ctx, p)
}
