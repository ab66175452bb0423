package e2e_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"aws-credproc/internal/ststest"
)

// TestE2ESetup runs setup, the AWS CLI with the profile, and setup --undo, which must restore the
// file. The path of the program contains a space.
func TestE2ESetup(t *testing.T) {
	s, err := ststest.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	const role = "arn:aws:iam::123456789012:role/Dev"
	jill, err := s.AddUser("123456789012", "jill", ststest.AllowAssume(role))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.AddRole(ststest.Role{ARN: role, Trust: ststest.TrustPolicy(jill.ARN)}); err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(t.TempDir(), "bin dir")
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(buildProgram(t), filepath.Join(folder, "aws-credproc")); err != nil {
		t.Fatal(err)
	}
	h := newHome(t, "AWS_ENDPOINT_URL_STS="+s.URL, "PATH="+folder+":"+os.Getenv("PATH"))
	for name, config := range map[string]string{
		"plain": "# mine\n[default]\nregion = eu-west-1\n\n[profile dev]\nrole_arn = " + role + "\n" +
			"source_profile = base\nregion = eu-west-1\n\n[profile other]\noutput = json\n",
		"CRLF": "[profile dev]\r\nrole_arn = " + role + "\r\n# why\r\nsource_profile = base\r\n" +
			"s3 =\r\n  max_concurrent_requests = 20\r\n",
		"no final newline": "\n\n  \n[ profile   dev ]  # here\nsource_profile=base\nrole_arn   =   " +
			role,
		"default": "[default]\nrole_arn = " + role + "\nsource_profile = base\nregion = eu-west-1\n",
	} {
		t.Run(name, func(t *testing.T) {
			profile := "dev"
			if name == "default" {
				profile = "default"
			}
			h.write(t, "config", config)
			h.write(t, "credentials", accessKey{jill.Key.ID, jill.Key.Secret}.section("base"))
			h.ok(t, filepath.Join(folder, "aws-credproc"), "setup", profile, "--yes")
			for _, c := range clients[:2] {
				args := append([]string{}, c.whoami(t, s.URL)...)
				args = append(args, "--profile", profile, "--region", "eu-west-1")
				if name == "no final newline" {
					continue // botocore does not support white space in the brackets
				}
				if out := h.ok(t, c.find(t), args...); !strings.Contains(out, "assumed-role/Dev/") {
					t.Errorf("%s: %s", c.name, out)
				}
			}
			h.ok(t, filepath.Join(folder, "aws-credproc"), "setup", profile, "--undo", "--yes")
			after, err := os.ReadFile(h.path("config"))
			if err != nil {
				t.Fatal(err)
			}
			if string(after) != config {
				t.Errorf("the file is\n%q\nwant\n%q", after, config)
			}
		})
	}
}
