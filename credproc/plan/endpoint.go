package plan

import (
	"cmp"
	"fmt"
	"strings"

	"aws-credproc/internal/diag"
	"aws-credproc/profiles"
)

// Endpoint describes where STS is called. The selected profile and the environment decide it, as in
// the SDKs. The source profile does not.
// https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html
type Endpoint struct {
	Region string // never empty
	URL    string // the configured URL; empty if the region decides
	// RegionFrom and URLFrom are where these were found: a variable, a setting, or a file and line.
	// They are empty for defaults.
	RegionFrom, URLFrom string
	// Global selects the single endpoint of the older regions. Opt-in regions do not accept its
	// sessions.
	// https://docs.aws.amazon.com/sdkref/latest/guide/feature-sts-regionalized-endpoints.html
	Global          bool
	FIPS, DualStack bool
}

// EndpointOf returns the endpoint for a chain. It reads the environment with getenv. The error is a
// [*diag.Error].
func EndpointOf(c profiles.Chain, getenv func(string) string) (Endpoint, error) {
	has := func(value, variable, key string) bool {
		return strings.EqualFold(cmp.Or(getenv(variable), c.Profile.Get(key)), value)
	}
	e := Endpoint{
		Global:    has("legacy", "AWS_STS_REGIONAL_ENDPOINTS", "sts_regional_endpoints"),
		FIPS:      has("true", "AWS_USE_FIPS_ENDPOINT", "use_fips_endpoint"),
		DualStack: has("true", "AWS_USE_DUALSTACK_ENDPOINT", "use_dualstack_endpoint"),
	}
	if e.Region, e.RegionFrom = regionOf(c, getenv); !IsRegion(e.Region) {
		setting, where := "region", "region in the "+e.RegionFrom
		if strings.HasPrefix(e.RegionFrom, "AWS_") {
			setting, where = e.RegionFrom, e.RegionFrom
		}
		hint := "set " + where + " to a region such as eu-west-1"
		if profiles.IsQuoted(e.Region) {
			hint = "remove the quotes from " + where
		}
		return Endpoint{}, &diag.Error{
			Profile: c.Profile.Name, Where: "STS endpoint", Setting: setting,
			Err:  fmt.Errorf("%q is not a region", e.Region),
			Hint: hint,
		}
	}
	configured, err := serviceOf("STS", c.Profile, c.Services, getenv)
	if err != nil {
		err.Profile = c.Profile.Name
		return Endpoint{}, err
	}
	e.URL, e.URLFrom = configured.URL, configured.URLFrom
	return e, nil
}

// regionOf returns the region whose STS is called, and where it was found.
func regionOf(c profiles.Chain, getenv func(string) string) (region, from string) {
	for _, variable := range []string{"AWS_REGION", "AWS_DEFAULT_REGION"} {
		if region := getenv(variable); region != "" {
			return region, variable
		}
	}
	if p, ok := c.Profile.Properties["region"]; ok && p.Value != "" {
		return p.Value, fmt.Sprintf("%s file, line %d", p.File, p.Line)
	}
	return DefaultRegion(Partition(c)), ""
}

// IsRegion reports whether s has the form of a region name, which becomes part of host names.
func IsRegion(s string) bool {
	for _, r := range s {
		switch {
		case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9', r == '-':
		default:
			return false
		}
	}
	return s != "" && len(s) <= 63 && s[0] != '-' && s[len(s)-1] != '-'
}

// DefaultRegion returns the region whose STS is used in a partition if no region is configured.
// These are the implicit global regions of the SDK's partitions.json, and Beijing for China.
func DefaultRegion(partition string) string {
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
