package e2e_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"aws-credproc/internal/ststest"
)

// TestE2EServeRenewsTheSession runs commands that make calls before and after the session expires.
func TestE2EServeRenewsTheSession(t *testing.T) {
	const lifetime = 16 * time.Second
	program := buildProgram(t)
	for name, command := range map[string]func(t *testing.T, s *ststest.Server, stop string) []string{
		"AWS CLI v2": func(t *testing.T, s *ststest.Server, stop string) []string {
			return []string{"sh", "-c", `until [ -e "$0" ]; do "$@" >&2 || exit 9; done`, stop,
				cli2(t), "--endpoint-url", s.URL, "sts", "get-caller-identity"}
		},
		"boto3": func(t *testing.T, _ *ststest.Server, stop string) []string {
			return []string{python(t), repoPath(t, "testdata", "e2e", "until.py"), stop}
		},
		"JavaScript v3": func(t *testing.T, _ *ststest.Server, stop string) []string {
			return []string{node(t), repoPath(t, "testdata", "e2e", "js", "until.js"), stop}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, h := newDev(t)
			s.Fault(ststest.Fault{
				Action: "AssumeRole", Kind: ststest.Expired, By: -lifetime, Times: ststest.Always,
			})
			stop := filepath.Join(h.dir, "stop")
			done := make(chan error, 1)
			go func() {
				done <- awaitCallAfterExpiry(s, lifetime)
				_ = os.WriteFile(stop, nil, 0o600)
			}()
			args := append([]string{"exec", "dev", "--serve", "--"}, command(t, s, stop)...)
			r := h.run(t, program, args...)
			if err := <-done; err != nil || r.code != 0 {
				t.Errorf("%v; exit code %d\n%s", err, r.code, r.stderr)
			}
			keys := map[string]bool{}
			for _, r := range s.Requests() {
				if r.Action == "GetCallerIdentity" {
					keys[r.AccessKeyID] = true
				}
			}
			if len(keys) < 2 {
				t.Errorf("%d sessions were used, want 2 or more", len(keys))
			}
		})
	}
}

// awaitCallAfterExpiry waits for a successful call after the first session has expired.
func awaitCallAfterExpiry(s *ststest.Server, lifetime time.Duration) error {
	limit := time.Now().Add(hangLimit)
	for ; time.Now().Before(limit); time.Sleep(50 * time.Millisecond) {
		var expires time.Time
		for _, r := range s.Requests() {
			switch {
			case r.Action == "AssumeRole" && expires.IsZero():
				expires = r.Time.Add(lifetime)
			case r.Action == "GetCallerIdentity" && r.Status >= 400:
				return fmt.Errorf("a call failed: %s", r.ErrorCode)
			case r.Action == "GetCallerIdentity" && r.Status == 200 && r.Time.After(expires):
				return nil
			}
		}
	}
	return errors.New("no call after the first session had expired")
}

// TestE2EExec runs clients with a role and with long-term keys, with and without --serve.
func TestE2EExec(t *testing.T) {
	program := buildProgram(t)
	s, h := newDev(t)
	h = h.with("AWS_PROFILE=nobody") // would take precedence
	const boto3 = "import boto3; print(boto3.client('sts').get_caller_identity()['Arn'])"
	commands := map[string][]string{
		"AWS CLI v2": {
			cli2(t), "--endpoint-url", s.URL, "sts", "get-caller-identity", "--output", "json",
		},
		"boto3":         {python(t), "-c", boto3},
		"JavaScript v3": {node(t), repoPath(t, "testdata", "e2e", "js", "whoami.js")},
	}
	for name, command := range commands {
		for _, args := range [][]string{
			{"exec", "dev", "--"}, {"exec", "dev", "--serve", "--"},
			{"exec", "base", "--"}, {"exec", "base", "--serve", "--"},
		} {
			want := "user/ann"
			if args[1] == "dev" {
				want = "assumed-role/Dev/"
			}
			if out := h.ok(t, program, append(args, command...)...); !strings.Contains(out, want) {
				t.Errorf("%s, %s: %s", name, strings.Join(args, " "), out)
			}
		}
	}
	// Keys in [default] would take precedence over the endpoint.
	h.write(t, "config", "[default]\nregion = eu-west-1\n\n"+
		"[profile dev]\nrole_arn = "+roleARN("Dev")+"\nsource_profile = default\n")
	text, err := os.ReadFile(h.path("credentials"))
	if err != nil {
		t.Fatal(err)
	}
	h.write(t, "credentials", strings.Replace(string(text), "[base]", "[default]", 1))
	for name, command := range commands {
		r := h.run(t, program, append([]string{"exec", "dev", "--serve", "--"}, command...)...)
		const warning = "the file is hidden from the command"
		if !strings.Contains(r.stdout, "assumed-role/Dev/") || !strings.Contains(r.stderr, warning) {
			t.Errorf("%s with keys in [default]: %s%s", name, r.stdout, r.stderr)
		}
	}
}

// TestE2EExport evaluates the output of export in shells.
func TestE2EExport(t *testing.T) {
	program := buildProgram(t)
	_, h := newDev(t)
	want := h.run(t, program, "get", "dev").credentials(t, 0)
	h = h.with("AWS_PROFILE=nobody", "AWS_SECURITY_TOKEN=stale", "PROGRAM="+program)
	const show = `echo "$AWS_ACCESS_KEY_ID $AWS_SECRET_ACCESS_KEY $AWS_SESSION_TOKEN ` +
		`$AWS_CREDENTIAL_EXPIRATION $AWS_REGION <$AWS_PROFILE$AWS_SECURITY_TOKEN>"`
	const script = `eval "$("$PROGRAM" export dev)"; ` + show
	expected := fmt.Sprintf("%s %s %s %s eu-west-1 <>\n", want.AccessKeyId, want.SecretAccessKey,
		want.SessionToken, want.Expiration.UTC().Format(time.RFC3339))
	for name, script := range map[string]string{
		"sh": script, "bash": script, "dash": script,
		"fish": `"$PROGRAM" export dev --format fish | source; ` + show,
	} {
		t.Run(name, func(t *testing.T) {
			needCommands(t, name)
			if out := h.ok(t, name, "-c", script); out != expected {
				t.Error("wrong credentials")
			}
		})
	}
	t.Run("dotenv in node", func(t *testing.T) {
		h.ok(t, "sh", "-c", `"$PROGRAM" export dev --format dotenv >.env`)
		out := h.ok(t, node(t), "-e", `const {parseEnv} = require("node:util");
			const text = require("node:fs").readFileSync(".env", "utf8");
			process.stdout.write(JSON.stringify(parseEnv(text)))`)
		var got map[string]string
		if err := json.Unmarshal([]byte(out), &got); err != nil {
			t.Fatal(err)
		}
		if got["AWS_ACCESS_KEY_ID"] != want.AccessKeyId ||
			got["AWS_SECRET_ACCESS_KEY"] != want.SecretAccessKey ||
			got["AWS_SESSION_TOKEN"] != want.SessionToken {
			t.Error("wrong credentials")
		}
	})
}
