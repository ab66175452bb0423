package credproc

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/ec2rolecreds"
	"github.com/aws/aws-sdk-go-v2/credentials/endpointcreds"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"

	"aws-credproc/cache"
	"aws-credproc/credproc/plan"
	"aws-credproc/internal/files"
)

// instanceSession returns the credentials of the instance's role, from the instance metadata
// service.
// https://docs.aws.amazon.com/sdkref/latest/guide/feature-imds-credentials.html
//
// The profile also has a role_arn, whose credentials the SDK's config would return, so only the
// client of the service is taken from it.
func instanceSession(ctx context.Context, s source) (cache.Session, error) {
	const hint = "credential_source = Ec2InstanceMetadata works only on an EC2 instance with a role " +
		"and without AWS_EC2_METADATA_DISABLED"
	cfg, err := sdkConfig(ctx, s, withoutCredentials())
	if err != nil {
		return cache.Session{}, err
	}
	found, err := retrieve(ctx, s, ec2rolecreds.New(func(o *ec2rolecreds.Options) {
		o.Client = imds.NewFromConfig(cfg, func(o *imds.Options) { o.HTTPClient = metadataClient() })
	}))
	if err != nil {
		e := serviceError(s, "the instance metadata service", err, hint)
		if !errors.Is(err, context.Canceled) {
			e.Hint = hint
		}
		return cache.Session{}, e
	}
	return found, nil
}

// metadataClient returns a client with the short time limits that the SDK has for the instance
// metadata service, which most machines do not have. It follows no redirects.
func metadataClient() *http.Client {
	return withoutRedirects(awshttp.NewBuildableClient().
		WithDialerOptions(func(d *net.Dialer) { d.Timeout = 250 * time.Millisecond }).
		WithTransportOptions(func(t *http.Transport) {
			t.ResponseHeaderTimeout = 500 * time.Millisecond
		}))
}

// containerSession returns the credentials of an ECS task, or of a pod with EKS Pod Identity.
// https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html
//
// The SDK's config checks the endpoint and finds the authorization, but returns the credentials of
// the profile's role, so only the options of its provider are taken from it.
func containerSession(ctx context.Context, s source) (cache.Session, error) {
	if s.Getenv(plan.ContainerRelativeURI) == "" && s.Getenv(plan.ContainerFullURI) == "" {
		return cache.Session{}, s.fail(errors.New("credential_source is EcsContainer, but neither "+
			plan.ContainerRelativeURI+" nor "+plan.ContainerFullURI+" is set"),
			"it works only in an ECS task or an EKS pod with Pod Identity, which set one of them")
	}
	if path := s.Getenv(plan.ContainerTokenFile); path != "" {
		if err := files.Check(path, plan.MaxTextFile); err != nil {
			return cache.Session{}, s.fail(err, "correct "+plan.ContainerTokenFile)
		}
	}
	var options *endpointcreds.Options
	capture := config.WithEndpointCredentialOptions(func(o *endpointcreds.Options) { options = o })
	cfg, err := sdkConfig(ctx, s, capture)
	if err != nil {
		return cache.Session{}, err
	}
	if options == nil {
		return cache.Session{}, s.fail(
			errors.New("the profile has static keys, which the AWS SDK prefers to credential_source"),
			"remove the static keys or credential_source from [profile "+
				s.plan.Chain.Source.Profile+"]")
	}
	found, err := retrieve(ctx, s, endpointcreds.New(options.Endpoint,
		func(o *endpointcreds.Options) {
			*o = *options
			o.HTTPClient = cfg.HTTPClient
		}))
	if err != nil {
		return cache.Session{}, serviceError(s, "the container's credentials endpoint", err,
			"check the role of the task or pod")
	}
	return found, nil
}
