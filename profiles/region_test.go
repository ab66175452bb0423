package profiles

import "testing"

func TestIsRegion(t *testing.T) {
	for _, region := range []string{
		"us-east-1", "ap-southeast-10", "us-gov-west-1", "cn-northwest-1", "us-iso-east-1",
		"us-isob-east-1", "eu-isoe-west-1", "us-isof-south-1", "eusc-de-east-1", "fips-us-east-1",
		"us-east-1-fips", "aws-global", "aws-us-gov-global", "aws-iso-b-global",
	} {
		if !IsRegion(region) {
			t.Errorf("%q is refused", region)
		}
	}
	for _, region := range []string{
		"", "x", "xx", "eu_west", "eu-west", "eu-west-", "-west-1", "eu-west-1a", "EU-WEST-1", "us-east-1\n",
		"us east 1", "local", "global",
	} {
		if IsRegion(region) {
			t.Errorf("%q is accepted", region)
		}
	}
}
