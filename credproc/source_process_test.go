package credproc

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"aws-credproc/cache"
	"aws-credproc/credproc/plan"
	"aws-credproc/credproc/shell"
	"aws-credproc/internal/diag"
)

func TestProcessOutputIsChecked(t *testing.T) {
	const keys = `"AccessKeyId":"AKIAX","SecretAccessKey":"wJalrXUtnFEMIsecret"`
	for name, test := range map[string]struct{ output, want string }{
		"nothing": {
			"", "leaf: the output of credential_process is not valid JSON\nhint: ",
		},
		"not JSON": {
			"wJalrXUtnFEMIsecret", "the output of credential_process is not valid JSON",
		},
		"cut off": {
			`{"Version":1,` + keys, "leaf: the output of credential_process is not valid JSON\nhint: ",
		},
		"an array": {`[]`, "the output of credential_process is not a JSON object"},
		"version as a string": {
			`{"Version":"1",` + keys + `}`,
			"the output of credential_process is not valid: Version has the wrong type",
		},
		"another version": {
			`{"Version":2,` + keys + `}`, `the output of credential_process does not have "Version": 1`,
		},
		"no access key ID": {
			`{"Version":1,"SecretAccessKey":"wJalrXUtnFEMIsecret"}`,
			"the output of credential_process has no AccessKeyId",
		},
		"no secret access key": {
			`{"Version":1,"AccessKeyId":"AKIAX"}`, "the output of credential_process has no SecretAccessKey",
		},
		"time without a zone": {
			`{"Version":1,` + keys + `,"Expiration":"2030-01-01T00:00:00"}`,
			"the output of credential_process is not valid: a time is not in the format of RFC 3339",
		},
		"a secret for a time": {
			`{"Version":1,` + keys + `,"Expiration":"wJalrXUtnFEMIsecret"}`,
			"the output of credential_process is not valid: a time is not in the format of RFC 3339",
		},
		"expired": {
			`{"Version":1,` + keys + `,"Expiration":"2020-01-01T00:00:00Z"}`,
			"credential_process: the credentials expired at 2020-01-01T00:00:00Z",
		},
		"control character in it": {
			`{"Version":1,"AccessKeyId":"AKIA\u001b[2J","SecretAccessKey":"wJalrXUtnFEMIsecret"}`,
			"credential_process: invalid credentials: the access key ID has invalid characters",
		},
		"line break in the secret": {
			`{"Version":1,"AccessKeyId":"AKIAX","SecretAccessKey":"wJalrXUtnFEMIsecret\n"}`,
			"the secret access key has invalid characters",
		},
		"two documents": {
			`{"Version":1,` + keys + `}{}`, "the output of credential_process is not valid JSON",
		},
		"more than is read": {
			`{"Version":1,` + keys + `}` + strings.Repeat(" ", shell.MaxOutput),
			"credential_process printed more than 64 KB",
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newFixture(t)
			w.config("[profile leaf]\ncredential_process = " + command("print", w.write("out", test.output)))
			_, err := w.get("leaf")
			checkError(t, w, err, test.want, 0)
			if strings.Contains(diag.Text(err), "wJalr") {
				t.Errorf("the error %q holds the secret", err)
			}
		})
	}
}

func TestProcessWithoutExpirationIsRunEachTime(t *testing.T) {
	w := newFixture(t)
	path := w.write("out", processJSON(cache.Session{AccessKeyID: w.given.AccessKeyID,
		SecretAccessKey: w.given.SecretAccessKey, SessionToken: w.given.SessionToken}))
	w.config("[profile leaf]\ncredential_process = " + command("print",
		path) + "\n[profile dev]\nrole_arn = " + devARN + "\nsource_profile = leaf")
	for n := 1; n <= 2; n++ {
		if s := w.mustGet("leaf"); !s.Expiration.IsZero() || s.AccessKeyID != w.given.AccessKeyID ||
			counted(w, path) != n {
			t.Errorf("%v after %d runs", s, counted(w, path))
		}
	}
	w.mustGet("dev")
	w.mustGet("dev")
	if runs := counted(w, path); runs != 3 {
		t.Errorf("it ran %d times, want once more, for the role", runs)
	}
}

func TestProcessExpirationLimitsCaching(t *testing.T) {
	w := newFixture(t)
	now := time.Now()
	w.resolver.Now = func() time.Time { return now }
	s := w.given
	s.Expiration = now.Add(20 * time.Minute)
	path := w.write("out", processJSON(s))
	w.config("[profile leaf]\ncredential_process = " + command("print", path))
	w.mustGet("leaf")
	now = now.Add(14 * time.Minute) // more than a quarter of the life is left
	w.mustGet("leaf")
	if runs := counted(w, path); runs != 1 {
		t.Errorf("it ran %d times with 6 of 20 minutes left", runs)
	}
	now = now.Add(2 * time.Minute)
	if got := w.mustGet("leaf"); counted(w, path) != 2 ||
		!got.Expiration.Equal(s.Expiration.UTC().Truncate(time.Second)) {
		t.Errorf("it ran %d times with 4 of 20 minutes left", counted(w, path))
	}
}

// The command may return other credentials by then.
func TestProcessCredentialsValidForYearsAreRenewed(t *testing.T) {
	for name, profile := range map[string]string{"itself": "leaf", "as a source": "dev"} {
		t.Run(name, func(t *testing.T) {
			w := newFixture(t)
			now := time.Now()
			w.resolver.Now = func() time.Time { return now }
			s := w.given
			s.Expiration = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
			path := w.write("out", processJSON(s))
			w.config("[profile leaf]\ncredential_process = " + command("print",
				path) + "\n[profile dev]\nrole_arn = " + devARN + "\nsource_profile = leaf")
			for _, step := range []struct {
				passes time.Duration
				runs   int
			}{{0, 1}, {plan.MaxLifetime, 1}, {2 * time.Hour, 2}} {
				now = now.Add(step.passes)
				if _, err := w.get(profile); err != nil || counted(w, path) != step.runs {
					t.Errorf("%s later: it ran %d times, want %d (%v)", step.passes, counted(w, path), step.runs,
						err)
				}
			}
		})
	}
}

func TestProcessFailures(t *testing.T) {
	notThere := "credential_process was not found\nhint: write the full path of the command"
	if runtime.GOOS == "windows" {
		notThere = "leaf: credential_process " // see shell.Failure
	}
	for name, test := range map[string]struct{ command, want string }{
		"exit status": {
			command("fail", "7"),
			"leaf: credential_process ended with exit status 7\n" +
				"hint: aws-credproc explain leaf prints the command; run it to see what it does",
		},
		"not there": {"/nowhere/command get", notThere},
		"endless":   {command("flood"), "printed more than 64 KB"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newFixture(t)
			w.config("[profile leaf]\ncredential_process = " + test.command)
			wantError(t, w, "leaf", test.want, 0)
		})
	}
}

func TestProcessStderrIsForwardedPrintable(t *testing.T) {
	w := newFixture(t)
	w.config("[profile leaf]\ncredential_process = " + command("say",
		w.write("out", processJSON(w.given))))
	w.mustGet("leaf")
	if got := w.stderr.String(); !strings.HasPrefix(got, "?[31mlook\nat ?this? xxx") ||
		len(got) > shell.MaxStderr {
		t.Errorf("stderr has %d bytes: %.60q", len(got), got)
	}
}

// Recursion.

func TestCommandReceivesChainOfProfiles(t *testing.T) {
	w := newFixture(t)
	w.config("[profile leaf]\ncredential_process = " + command("chain",
		w.write("out", processJSON(w.given))) +
		"\n[profile dev]\nrole_arn = " + devARN +
		"\nsource_profile = leaf\n[profile wired]\ncredential_process = aws-credproc get dev")
	t.Setenv(plan.ChainVariable, "00000000:before")
	w.mustGet("wired")
	if got := names(w.stderr.String()); got != "before dev leaf" {
		t.Errorf("the command receives %q", got)
	}
}

// names returns the profiles in the value of the chain variable.
func names(value string) string {
	var out []string
	for _, entry := range strings.Fields(value) {
		_, name, _ := strings.Cut(entry, ":")
		out = append(out, name)
	}
	return strings.Join(out, " ")
}

func TestLoopThroughCommandIsRefused(t *testing.T) {
	w := newFixture(t)
	run := command("print", w.write("out", processJSON(w.given)))
	w.config("[profile leaf]\ncredential_process = " + run + "\n[profile dev]\nrole_arn = " + devARN +
		"\nsource_profile = leaf\n" +
		"[profile other]\ncredential_process = " + run + "\n[profile token]\nrole_arn = " + webARN +
		"\nweb_identity_token_process = " + run)
	chain := func(profile string) string {
		c, err := w.chain(profile)
		must(t, err)
		return strings.Join(chainOfProfiles(c), " ")
	}
	for name, test := range map[string]struct{ before, profile, want string }{
		"the same profile": {
			chain("leaf"), "leaf",
			"leaf: credential_process leads back to the profile: leaf -> leaf\n" +
				"hint: use another profile in the command of [profile leaf]",
		},
		"a role that needs it": {
			chain("leaf"), "dev", "leads back to the profile: leaf -> dev -> leaf",
		},
		"the first role": {
			chain("dev"), "dev", "leads back to the profile: dev -> leaf -> dev",
		},
		"through another command": {
			chain("dev") + " " + chain("other"), "leaf",
			"leads back to the profile: dev -> leaf -> other -> leaf",
		},
		"a token's command": {
			chain("token"), "token", "web_identity_token_process leads back to the profile: token -> token",
		},
		"another profile":              {chain("leaf"), "other", ""},
		"a role of another":            {chain("other"), "dev", ""},
		"the same name of other files": {"00000000:leaf", "leaf", ""},
		"something else":               {"leaf ::: " + strings.Repeat("x", 10000), "leaf", ""},
		"endless chain": {
			strings.Repeat("x:other ", maxProfiles+1), "leaf", "more than 16 profiles lead to it",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(plan.ChainVariable, test.before)
			_, err := w.get(test.profile)
			if test.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			checkError(t, w, err, test.want, 0)
		})
	}
}

func TestCommandEndsAtDeadline(t *testing.T) {
	for profile, key := range map[string]string{"leaf": "credential_process",
		"token": "web_identity_token_process"} {
		t.Run(key, func(t *testing.T) {
			w := newFixture(t)
			started := filepath.Join(w.dir, "started")
			run := command("hang", started)
			w.config("[profile leaf]\ncredential_process = " + run + "\n[profile token]\nrole_arn = " +
				webARN + "\nweb_identity_token_process = " + run)
			c, err := w.chain(profile)
			must(t, err)
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			go func() {
				waitFor(t, started)
				cancel(context.DeadlineExceeded)
			}()
			_, err = w.resolver.Credentials(ctx, c)
			checkError(t, w, err, key+" did not end within the time allowed", temporary)
		})
	}
}

// waitFor returns the content of a file once it exists.
func waitFor(t *testing.T, path string) string {
	for limit := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		if b, err := os.ReadFile(path); err == nil {
			return string(b)
		}
		if time.Now().After(limit) {
			t.Error(path + " does not appear")
			return "0"
		}
	}
}
