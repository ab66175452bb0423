package credproc

import (
	"strings"
	"testing"

	"aws-credproc/cache"
	"aws-credproc/credproc/plan"
)

// TestEndpointThatIsNoURL: the SDK would quote the URL.
func TestEndpointThatIsNoURL(t *testing.T) {
	const keys = "[p]\naws_access_key_id = AKIA\naws_secret_access_key = x\n"
	const role = "[profile p]\nrole_arn = arn:aws:iam::111111111111:role/R\nsource_profile = p\n"
	const sso = "[profile p]\nsso_session = s\nsso_account_id = 111111111111\nsso_role_name = R\n" +
		"[sso-session s]\nsso_region = eu-west-1\nsso_start_url = https://x.awsapps.com/start\n"
	for _, url := range []string{"http://u:hush%zz@h/", "http://u:hush@[::1", "http://h/%zz?X=hush"} {
		for variable, config := range map[string]string{
			"AWS_ENDPOINT_URL_STS":      role,
			"AWS_ENDPOINT_URL_SSO":      sso,
			"AWS_ENDPOINT_URL_SSO_OIDC": sso,
			"AWS_ENDPOINT_URL_IAM":      "[profile p]\n",
		} {
			r := &Resolver{Getenv: getenv(map[string]string{variable: url})}
			c := chainOf(t, config, keys)
			_, err := r.newPlan(c)
			if variable == "AWS_ENDPOINT_URL_IAM" {
				_, err = r.newIAMClient(c, plan.Endpoint{}, "aws", cache.Session{})
			}
			want := variable + " is not a valid URL"
			if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hush") {
				t.Errorf("%s=%s: got %v, want %s", variable, url, err, want)
			}
		}
	}
}
