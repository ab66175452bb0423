package e2e_test

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A client is a program of AWS's that starts the helper by itself, as it reads a profile.
type client struct {
	name string
	// find skips the test where the client is not installed, and returns it.
	find func(t *testing.T) string
	// whoami returns the arguments with which it prints sts:GetCallerIdentity's answer for AWS_PROFILE.
	whoami func(t *testing.T, endpoint string) []string
}

var clients = []client{
	{"AWS CLI v1", python, func(_ *testing.T, _ string) []string {
		return []string{"-m", "awscli", "sts", "get-caller-identity", "--output", "json"}
	}},
	{"AWS CLI v2", cli2, func(_ *testing.T, endpoint string) []string {
		// Debian 12's does not know AWS_ENDPOINT_URL.
		return []string{"--endpoint-url", endpoint, "sts", "get-caller-identity", "--output", "json"}
	}},
	{"boto3", python, func(t *testing.T, _ string) []string {
		return []string{repoPath(t, "testdata", "e2e", "whoami.py"), "dev"}
	}},
	{"JavaScript v3", node, func(t *testing.T, _ string) []string {
		return []string{repoPath(t, "testdata", "e2e", "js", "whoami.js")}
	}},
}

// cli2 returns the AWS CLI v2, which is often not the first "aws" in PATH.
func cli2(t *testing.T) string {
	t.Helper()
	for _, aws := range []string{"/usr/bin/aws", "/usr/local/bin/aws"} {
		if out, err := exec.Command(aws, "--version").Output(); err == nil && strings.HasPrefix(string(out), "aws-cli/2.") {
			return aws
		}
	}
	need(t, false, "AWS CLI v2")
	return ""
}

// node returns node, which finds the AWS SDK for JavaScript through NODE_PATH.
func node(t *testing.T) string {
	t.Helper()
	need(t, exists(repoPath(t, "build", "js", "installed.json")), "AWS SDK for JavaScript")
	return repoPath(t, "build", "js", "node")
}

// Every client reads the same profile, starts the helper by itself, and gets the one session of the role.
func TestE2EClients(t *testing.T) {
	m := startMoto(t)
	program := buildProgram(t)
	policy := allow("sts:AssumeRole", roleARN("Dev"))
	key := m.do(t, createUser("ann", policy)...).accessKey(t)
	m.do(t, createRole("Dev", trust(userARN("ann"), ""), allow("s3:ListAllMyBuckets", "*"))...)
	t.Cleanup(func() { m.do(t, append(deleteRole("Dev"), deleteUser("ann", policy, key)...)...) })

	stores := map[string]func(t *testing.T) []string{
		"file":    func(*testing.T) []string { return nil },
		"keyring": func(t *testing.T) []string { return startSecretService(t).env },
	}
	for store, env := range stores {
		t.Run(store, func(t *testing.T) {
			h := newHome(t, append(env(t), "AWS_CREDPROC_STORE="+store, "AWS_ENDPOINT_URL="+m.url, "AWS_PROFILE=dev")...)
			h.write(t, "config", wired(program, "role_arn = "+roleARN("Dev")))
			h.write(t, "credentials", key.section("base"))
			first := h.run(t, program, "get", "dev-role").credentials(t, 0)

			for _, c := range clients {
				t.Run(c.name, func(t *testing.T) {
					var got struct{ Account, Arn string }
					out := h.ok(t, c.find(t), c.whoami(t, m.url)...)
					if err := json.Unmarshal([]byte(out), &got); err != nil {
						t.Fatalf("%v in %q", err, out)
					}
					if want := "arn:aws:sts::" + motoAccount + ":assumed-role/Dev"; got.Account != motoAccount || filepath.Dir(got.Arn) != want {
						t.Errorf("account %s, ARN %s; want account %s, ARN %s/*", got.Account, got.Arn, motoAccount, want)
					}
				})
			}
			if last := h.run(t, program, "get", "dev-role").credentials(t, 0); last.AccessKeyId != first.AccessKeyId {
				t.Error("a second session was made")
			}
		})
	}
}
