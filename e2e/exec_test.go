package e2e_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"aws-credproc/internal/ststest"
)

// TestE2EServeOutlivesASession: sessions of 16 seconds, and a command that goes on when the first is over. STS refuses
// what is over, and the clients stop at an error.
func TestE2EServeOutlivesASession(t *testing.T) {
	const life = 16 * time.Second
	program := buildProgram(t)
	for name, command := range map[string]func(t *testing.T, s *ststest.Server, stop string) []string{
		"AWS CLI v2": func(t *testing.T, s *ststest.Server, stop string) []string {
			return []string{"sh", "-c", `until [ -e "$0" ]; do "$@" >&2 || exit 9; done`, stop, cli2(t), "--endpoint-url", s.URL, "sts", "get-caller-identity"}
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
			s.Fault(ststest.Fault{Action: "AssumeRole", Kind: ststest.Expired, By: -life, Times: ststest.Always})
			stop := filepath.Join(h.dir, "stop")
			beyond := make(chan error, 1)
			go func() { // until a call has been answered after the end of the first session
				defer func() { _ = os.WriteFile(stop, nil, 0o600) }()
				for deadline := time.Now().Add(hangLimit); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
					var end time.Time
					for _, r := range s.Requests() {
						switch {
						case r.Action == "AssumeRole" && end.IsZero():
							end = r.Time.Add(life)
						case r.Action == "GetCallerIdentity" && r.Status >= 400:
							beyond <- fmt.Errorf("a call failed: %s", r.ErrorCode)
							return
						case r.Action == "GetCallerIdentity" && r.Status == 200 && r.Time.After(end):
							beyond <- nil
							return
						}
					}
				}
				beyond <- fmt.Errorf("no call after the end of the first session")
			}()
			r := h.run(t, program, append([]string{"exec", "dev", "--serve", "--"}, command(t, s, stop)...)...)
			if err := <-beyond; err != nil || r.code != 0 {
				t.Errorf("%v; exit code %d\n%s", err, r.code, r.stderr)
			}
			keys := map[string]bool{}
			for _, r := range s.Requests() {
				if r.Action == "GetCallerIdentity" {
					keys[r.AccessKeyID] = true
				}
			}
			if len(keys) < 2 {
				t.Errorf("%d sessions were used", len(keys))
			}
		})
	}
}

// TestE2EExec: the clients work with what exec gives them, and with keys that do not expire.
func TestE2EExec(t *testing.T) {
	program := buildProgram(t)
	s, h := newDev(t)
	h = h.with("AWS_PROFILE=nobody") // which would come before
	for name, command := range map[string][]string{
		"AWS CLI v2":    {cli2(t), "--endpoint-url", s.URL, "sts", "get-caller-identity", "--output", "json"},
		"boto3":         {python(t), "-c", "import boto3; print(boto3.client('sts').get_caller_identity()['Arn'])"},
		"JavaScript v3": {node(t), repoPath(t, "testdata", "e2e", "js", "whoami.js")},
	} {
		for _, way := range [][]string{{"exec", "dev", "--"}, {"exec", "dev", "--serve", "--"}, {"exec", "base", "--"}, {"exec", "base", "--serve", "--"}} {
			want := "user/ann"
			if way[1] == "dev" {
				want = "assumed-role/Dev/"
			}
			if out := h.ok(t, program, append(way, command...)...); !strings.Contains(out, want) {
				t.Errorf("%s, %s: %s", name, strings.Join(way, " "), out)
			}
		}
	}
	// Keys of [default] would come before the endpoint.
	h.write(t, "config", "[default]\nregion = eu-west-1\n\n[profile dev]\nrole_arn = "+roleARN("Dev")+"\nsource_profile = default\n")
	text, err := os.ReadFile(h.path("credentials"))
	if err != nil {
		t.Fatal(err)
	}
	h.write(t, "credentials", strings.Replace(string(text), "[base]", "[default]", 1))
	for _, command := range [][]string{
		{cli2(t), "--endpoint-url", s.URL, "sts", "get-caller-identity", "--output", "json"},
		{python(t), "-c", "import boto3; print(boto3.client('sts').get_caller_identity()['Arn'])"},
		{node(t), repoPath(t, "testdata", "e2e", "js", "whoami.js")},
	} {
		r := h.run(t, program, append([]string{"exec", "dev", "--serve", "--"}, command...)...)
		if !strings.Contains(r.stdout, "assumed-role/Dev/") || !strings.Contains(r.stderr, "does not see that file") {
			t.Errorf("with keys in [default]: %s%s", r.stdout, r.stderr)
		}
	}
}

// TestE2EExport: a shell that has read what export prints has these credentials, and no others.
func TestE2EExport(t *testing.T) {
	program := buildProgram(t)
	_, h := newDev(t)
	want := h.run(t, program, "get", "dev").credentials(t, 0)
	h = h.with("AWS_PROFILE=nobody", "AWS_SECURITY_TOKEN=stale", "PROGRAM="+program)
	const show = `echo "$AWS_ACCESS_KEY_ID $AWS_SECRET_ACCESS_KEY $AWS_SESSION_TOKEN $AWS_CREDENTIAL_EXPIRATION $AWS_REGION <$AWS_PROFILE$AWS_SECURITY_TOKEN>"`
	const script = `eval "$("$PROGRAM" export dev)"; ` + show
	expected := fmt.Sprintf("%s %s %s %s eu-west-1 <>\n", want.AccessKeyId, want.SecretAccessKey, want.SessionToken, want.Expiration.UTC().Format(time.RFC3339))
	for name, script := range map[string]string{
		"sh": script, "bash": script, "dash": script,
		"fish": `"$PROGRAM" export dev --format fish | source; ` + show,
	} {
		t.Run(name, func(t *testing.T) {
			needCommands(t, name)
			if out := h.ok(t, name, "-c", script); out != expected {
				t.Error("it has other credentials")
			}
		})
	}
	t.Run("dotenv, by node", func(t *testing.T) {
		h.ok(t, "sh", "-c", `"$PROGRAM" export dev --format dotenv >.env`)
		out := h.ok(t, node(t), "-e", `process.stdout.write(JSON.stringify(require("node:util").parseEnv(require("node:fs").readFileSync(".env", "utf8"))))`)
		var got map[string]string
		if err := json.Unmarshal([]byte(out), &got); err != nil {
			t.Fatal(err)
		}
		if got["AWS_ACCESS_KEY_ID"] != want.AccessKeyId || got["AWS_SECRET_ACCESS_KEY"] != want.SecretAccessKey || got["AWS_SESSION_TOKEN"] != want.SessionToken {
			t.Error("it has other credentials")
		}
	})
}
