package cli

import (
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// TestSetupAll: --all wires what can be wired, once, and says why other profiles are left alone.
func TestSetupAll(t *testing.T) {
	h := newHelper(t, startSTS(t))
	h.setting(t, `[profile slow]
credential_process = /bin/true
[profile done]
credential_process = aws-credproc get done-role
[profile done-role]
role_arn = arn:aws:iam::123456789012:role/Dev
source_profile = base
[profile settings]
region = eu-west-1
[profile broken]
role_arn = arn:aws:iam::123456789012:role/Dev
`)
	h.env = append(h.env, "PATH="+h.dir+":/usr/bin:/bin")
	before, err := os.ReadFile(filepath.Join(h.dir, "config"))
	if err != nil {
		t.Fatal(err)
	}
	stdout, stderr, err := h.run(t, "setup", "--all", "--yes")
	if err != nil {
		t.Fatal(stderr)
	}
	for _, line := range []string{
		"dev: wired to dev-role\n", "slow: wired to slow-source\n",
		"base: not changed: no role and no other credentials that expire\n",
		"broken: not changed: ",
	} {
		if !strings.Contains(stdout, "\n"+line) {
			t.Errorf("no %q in %s", line, stdout)
		}
	}
	if strings.Contains(stdout, "\ndone") || strings.Contains(stdout, "\nsettings") {
		t.Errorf("stdout %s", stdout)
	}
	if _, stderr, err := h.run(t, "setup", "--yes", "--undo", "dev", "slow"); err != nil {
		t.Fatal(stderr)
	}
	if b, err := os.ReadFile(filepath.Join(h.dir, "config")); err != nil || string(b) != string(before) {
		t.Errorf("undo: %q, %v", b, err)
	}
	if stdout, _, err := h.run(t, "setup", "--all", "--undo", "--yes"); err != nil ||
		!strings.Contains(stdout, "\ndone: unwired; it has the settings of done-role again\n") {
		t.Errorf("--all --undo: %v, %s", err, stdout)
	}
	for _, args := range []string{"--all dev", "--all --role-arn x", "--all --sso-session corp"} {
		if _, _, err := h.run(t, append([]string{"setup"}, strings.Fields(args)...)...); exitStatus(err) != exitUsage {
			t.Errorf("%s: %v", args, err)
		}
	}
}

// TestSetupProcess: setup caches a slow credential_process. 100 processes start it once. --undo
// restores the config byte for byte.
func TestSetupProcess(t *testing.T) {
	h := newHelper(t, startSTS(t))
	log := filepath.Join(h.dir, "log")
	const output = `{"Version": 1, "AccessKeyId": "ASIASLOW", "SecretAccessKey": "x", ` +
		`"SessionToken": "x", "Expiration": "2099-01-01T00:00:00Z"}`
	script := "#!/bin/sh\necho started >>" + log + "\nsleep 1\necho '" + output + "'\n"
	path := filepath.Join(h.dir, "slow-helper")
	if err := os.WriteFile(path, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	config := "# mine\n[profile slow]\ncredential_process = " + path + " --fast\nregion = eu-west-1\n"
	if err := os.WriteFile(filepath.Join(h.dir, "config"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	h.env = append(h.env, "PATH="+h.dir+":/usr/bin:/bin")
	stdout, stderr, err := h.run(t, "setup", "--yes", "slow")
	if err != nil || !strings.Contains(stdout, "slow: wired to slow-source\n") {
		t.Fatalf("%v, stdout %s, stderr %s", err, stdout, stderr)
	}
	var good atomic.Int32
	h.runMany(t, 100, func(stdout, stderr string, err error) {
		if err == nil && strings.Contains(stdout, "ASIASLOW") {
			good.Add(1)
		} else {
			t.Errorf("%v, stderr %s", err, stderr)
		}
	}, "get", "slow-source")
	b, err := os.ReadFile(log)
	if err != nil || string(b) != "started\n" || good.Load() != 100 {
		t.Errorf("%d of 100 processes; the helper was started: %q, %v", good.Load(), b, err)
	}
	if _, stderr, err := h.run(t, "setup", "--yes", "--undo", "slow"); err != nil {
		t.Fatal(stderr)
	}
	if b, err := os.ReadFile(filepath.Join(h.dir, "config")); err != nil || string(b) != config {
		t.Errorf("undo: %q, %v", b, err)
	}
}
