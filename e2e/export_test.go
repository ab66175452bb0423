package e2e_test

import (
	"os"
	"strings"
	"testing"
)

// TestE2EExportWriteProfile: clients read the session that export has written to the credentials
// file, and the AWS CLI finds none after clear has removed it.
func TestE2EExportWriteProfile(t *testing.T) {
	program := buildProgram(t)
	s, h := newDev(t)
	before, err := os.ReadFile(h.path("credentials"))
	if err != nil {
		t.Fatal(err)
	}
	const boto3 = "import boto3; print(boto3.client('sts').get_caller_identity()['Arn'])"
	clients := map[string][]string{
		"AWS CLI v1": {
			python(t), "-m", "awscli", "--endpoint-url", s.URL, "sts", "get-caller-identity",
		},
		"AWS CLI v2":    {cli2(t), "--endpoint-url", s.URL, "sts", "get-caller-identity"},
		"boto3":         {python(t), "-c", boto3},
		"JavaScript v3": {node(t), repoPath(t, "testdata", "e2e", "js", "whoami.js")},
		"Java v2":       append([]string{java(t)}, javaArgs(t)...),
	}
	h.ok(t, program, "export", "dev", "--write-profile", "old-tool")
	tool := h.with("AWS_PROFILE=old-tool")
	for name, client := range clients {
		if out := tool.ok(t, client[0], client[1:]...); !strings.Contains(out, "assumed-role/Dev/") {
			t.Errorf("%s: %s", name, out)
		}
	}
	if n := s.Calls("AssumeRole"); n != 1 {
		t.Errorf("%d calls of AssumeRole, want 1", n)
	}
	h.ok(t, program, "clear", "dev")
	if r := tool.run(t, cli2(t), clients["AWS CLI v2"][1:]...); r.code == 0 {
		t.Errorf("AWS CLI v2 after clear: %s", r.stdout)
	}
	after, err := os.ReadFile(h.path("credentials"))
	if err != nil || string(after) != string(before) {
		t.Errorf("the credentials file is not what it was before: %v", err)
	}
}
