package profiles

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestRoleChain: a role of the command line is read like that of a profile.
func TestRoleChain(t *testing.T) {
	const arn = "arn:aws:iam::123456789012:role/Dev"
	config := filepath.Join(t.TempDir(), "config")
	text := "[profile base]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = x\n" +
		"region = eu-west-1\n[profile Dev]\nrole_arn = " + arn + "\nsource_profile = base\n" +
		"region = eu-west-1\nexternal_id = ten20\n"
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := Load(config, os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	c, err := f.RoleChain("Dev", map[string]string{
		"role_arn": arn, "source_profile": "base", "external_id": "ten20", "mfa_serial": "",
	})
	if err != nil {
		t.Fatal(err)
	}
	want, err := f.Chain("Dev")
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Hops) != 1 || c.Hops[0].RoleARN != want.Hops[0].RoleARN ||
		c.Hops[0].ExternalID != "ten20" || c.Source.AccessKeyID != want.Source.AccessKeyID ||
		c.Profile.Get("region") != "eu-west-1" || c.MFA.Serial != "" {
		t.Errorf("%+v, want %+v", c, want)
	}
	for name, test := range map[string]struct {
		settings map[string]string
		problem  string
	}{
		"no source":      {map[string]string{"role_arn": arn}, "role_arn without source_profile"},
		"missing source": {map[string]string{"role_arn": arn, "source_profile": "x"}, "profile x"},
		"external ID": {map[string]string{"role_arn": arn, "source_profile": "base",
			"external_id": "a b\n[profile x]"}, "external_id"},
		"MFA": {map[string]string{"role_arn": arn, "source_profile": "base", "mfa_serial": "x"},
			"mfa_serial"},
	} {
		_, err := f.RoleChain("New", test.settings)
		if err == nil || !strings.HasPrefix(err.Error(), "New: ") ||
			!strings.Contains(err.Error(), test.problem) || strings.Contains(err.Error(), ":0") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
