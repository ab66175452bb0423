package credproc

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"aws-credproc/cache"
	"aws-credproc/internal/ststest"
)

// TestAssumeRoleParameters: the Go SDK's own provider, say, sends a duration of 900 unasked.
func TestAssumeRoleParameters(t *testing.T) {
	const (
		roleARN = "arn:aws:iam::123456789012:role/A"
		policy  = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}`
	)
	for name, test := range map[string]struct {
		settings string
		want     map[string]string // except RoleArn, and RoleSessionName if not configured
	}{
		"the role alone":  {"", map[string]string{}},
		"session name":    {"role_session_name = jill", map[string]string{"RoleSessionName": "jill"}},
		"external ID":     {"external_id = x-1", map[string]string{"ExternalId": "x-1"}},
		"duration":        {"duration_seconds = 900", map[string]string{"DurationSeconds": "900"}},
		"empty settings":  {"external_id =\nduration_seconds =\npolicy =\n", map[string]string{}},
		"source identity": {"source_identity = jill", map[string]string{"SourceIdentity": "jill"}},
		"tags": {
			"session_tags = a=1,b=2\ntransitive_session_tags = b",
			map[string]string{"Tags.member.1.Key": "a", "Tags.member.1.Value": "1", "Tags.member.2.Key": "b",
				"Tags.member.2.Value": "2", "TransitiveTagKeys.member.1": "b"},
		},
		"inline policy": {"policy = " + policy, map[string]string{"Policy": policy}},
		"managed policies": {
			"policy_arns = arn:aws:iam::aws:policy/R",
			map[string]string{"PolicyArns.member.1.arn": "arn:aws:iam::aws:policy/R"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := ststest.Start()
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			jill, err := s.AddUser("123456789012", "jill")
			if err != nil {
				t.Fatal(err)
			}
			c, err := cache.Open(cache.Options{Dir: t.TempDir(), Choice: cache.None})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { must(t, c.Close()) }()
			env := map[string]string{"AWS_ENDPOINT_URL_STS": s.URL, "AWS_MAX_ATTEMPTS": "1"}
			r := Resolver{Cache: c, Getenv: getenv(env), Now: time.Now, Warnf: t.Logf, Tracef: t.Logf}
			chain := chainOf(t, "[profile p]\nrole_arn = "+roleARN+"\nsource_profile = base\n"+test.settings,
				"[base]\naws_access_key_id = "+jill.Key.ID+"\naws_secret_access_key = "+jill.Key.Secret)
			if _, err := r.Credentials(t.Context(), chain); err == nil {
				t.Fatal("assumed a role that is not there")
			}
			got := s.Requests()[0].Params
			test.want["RoleArn"] = roleARN
			if test.want["RoleSessionName"] == "" {
				test.want["RoleSessionName"] = got["RoleSessionName"]
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("parameters (-want +got):\n%s", diff)
			}
		})
	}
}
