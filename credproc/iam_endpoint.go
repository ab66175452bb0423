package credproc

import (
	"errors"

	"aws-credproc/credproc/plan"
	"aws-credproc/internal/diag"
	"aws-credproc/profiles"
)

// serviceIAM is the SDK ID of IAM.
const serviceIAM = "IAM"

// iamEndpoint is where IAM is called. A partition has one IAM.
type iamEndpoint struct {
	URL    string
	Region string // of the signature
}

// iamHosts are the hosts of IAM: the usual one, for FIPS, for dual-stack, and for both. They are
// those of the SDK's client.
// https://docs.aws.amazon.com/general/latest/gr/iam-service.html
var iamHosts = map[string][4]string{
	"aws": {
		"iam.amazonaws.com", "iam-fips.amazonaws.com", "iam.global.api.aws", "iam-fips.global.api.aws",
	},
	"aws-cn": {
		"iam.cn-north-1.amazonaws.com.cn", "iam-fips.amazonaws.com.cn",
		"iam.global.api.amazonwebservices.com.cn", "iam-fips.api.amazonwebservices.com.cn",
	},
	"aws-us-gov": {
		"iam.us-gov.amazonaws.com", "iam.us-gov.amazonaws.com", "iam.us-gov.api.aws",
		"iam.us-gov.api.aws",
	},
	"aws-iso": {
		"iam.us-iso-east-1.c2s.ic.gov", "iam-fips.us-iso-east-1.c2s.ic.gov",
		"iam.api.aws.ic.gov", "iam-fips.api.aws.ic.gov",
	},
	"aws-iso-b": {
		"iam.us-isob-east-1.sc2s.sgov.gov", "iam-fips.us-isob-east-1.sc2s.sgov.gov",
		"iam.api.aws.scloud", "iam-fips.api.aws.scloud",
	},
	"aws-iso-e": {
		"iam.eu-isoe-west-1.cloud.adc-e.uk", "iam-fips.cloud.adc-e.uk",
		"iam.api.cloud-aws.adc-e.uk", "iam-fips.api.cloud-aws.adc-e.uk",
	},
	"aws-iso-f": {
		"iam.us-isof-south-1.csp.hci.ic.gov", "iam-fips.csp.hci.ic.gov",
		"iam.api.aws.hci.ic.gov", "iam-fips.api.aws.hci.ic.gov",
	},
	"aws-eusc": {
		"iam.eusc-de-east-1.amazonaws.eu", "iam-fips.amazonaws.eu",
		"iam.global.api.amazonwebservices.eu", "iam-fips.api.amazonwebservices.eu",
	},
}

// iamEndpointOf returns the endpoint for the partition of a user: the configured one, as in the
// SDKs, or that of the partition. The error is a [*diag.Error].
func iamEndpointOf(
	c profiles.Chain, e plan.Endpoint, partition string, getenv func(string) string,
) (iamEndpoint, error) {
	configured, err := plan.ServiceEndpoint(serviceIAM, c.Profile, c.Services, getenv)
	if err != nil {
		return iamEndpoint{}, err
	}
	endpoint := iamEndpoint{configured.URL, plan.DefaultRegion(partition)}
	if endpoint.URL != "" {
		return endpoint, nil
	}
	kind := 0
	if e.FIPS {
		kind |= 1
	}
	if e.DualStack {
		kind |= 2
	}
	host := iamHosts[partition][kind]
	if host == "" {
		return iamEndpoint{}, &diag.Error{
			Profile: c.Profile.Name, Where: "IAM endpoint", Flags: diag.Local,
			Err:  errors.New("not known for the partition " + partition + " with these settings"),
			Hint: "set AWS_ENDPOINT_URL_IAM",
		}
	}
	endpoint.URL = "https://" + host
	return endpoint, nil
}
