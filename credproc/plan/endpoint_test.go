package plan

import (
	"testing"
)

func TestEndpointMustBeURL(t *testing.T) {
	for _, url := range []string{"localhost:1", "ftp://x", "http://", "://", "http://\x7f"} {
		if _, err := EndpointOf(chainOf(t, "[profile p]\n"+role, base),
			getenv(map[string]string{"AWS_ENDPOINT_URL_STS": url})); err == nil {
			t.Errorf("%q is accepted", url)
		}
	}
}

func TestPartitionOfWebIdentityRole(t *testing.T) {
	c := chainOf(t, "[profile p]\nrole_arn = arn:aws-cn:iam::1:role/A\nweb_identity_token_file = /a",
		"")
	if e, err := EndpointOf(c, getenv(nil)); err != nil || e.Region != "cn-north-1" {
		t.Errorf("region %s, %v", e.Region, err)
	}
}
