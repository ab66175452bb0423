package e2e_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestE2EWarmGetDiffersWithNoKeyring compares the program with one that has no warm path, in the
// states of a real keyring: stdout, the exit code and stderr are the same.
func TestE2EWarmGetDiffersWithNoKeyring(t *testing.T) {
	service := startSecretService(t)
	withWarm, without := buildProgram(t), buildWithoutWarm(t)
	k := newKeyringTest(t, withWarm, service.env...)
	nothing := func(*testing.T) {}
	for _, state := range []struct {
		name     string
		env      []string
		set, end func(t *testing.T)
		prints   bool // with the keyring store
	}{
		{"unlocked", nil, nothing, nothing, true},
		{"locked", nil, service.lock, service.unlock, false},
		{
			"stopped", nil,
			func(t *testing.T) { signal(t, "STOP", service.pid) },
			func(t *testing.T) { signal(t, "CONT", service.pid) }, false,
		},
		{"no bus", []string{"DBUS_SESSION_BUS_ADDRESS=", "XDG_RUNTIME_DIR="}, nothing, nothing, false},
		{"TCP", []string{"DBUS_SESSION_BUS_ADDRESS=tcp:host=localhost"}, nothing, nothing, false},
	} {
		for _, store := range []string{"keyring", "auto"} {
			t.Run(state.name+", "+store, func(t *testing.T) {
				// run has a state directory of its own, since a failure is shared for 5 seconds.
				run := func(program string) (r result) {
					h := k.with("AWS_CREDPROC_STATE_DIR=" + t.TempDir())
					mustDo(t, k.sts.SetUserPolicy(k.user.ARN, allow("sts:AssumeRole", "*")))
					h.ok(t, without, "refresh", "dev-role")
					mustDo(t, k.sts.SetUserPolicy(k.user.ARN)) // STS denies everything
					state.set(t)
					defer state.end(t)
					r = h.with("AWS_CREDPROC_STORE="+store).with(state.env...).
						run(t, program, "get", "dev-role")
					// The sessions differ, not what is printed about them.
					if r.stdout != "" {
						r.credentials(t, strings.Count(r.stderr, "\n"))
						r.stdout = "credentials"
					}
					r.stderr = milliseconds.ReplaceAllString(r.stderr, " ")
					return r
				}
				got, want := run(withWarm), run(without)
				got.took, want.took = 0, 0
				if got != want {
					t.Errorf("%+v\nwithout the warm path:\n%+v", got, want)
				}
				if printed := got.stdout != ""; store == "keyring" && printed != state.prints {
					t.Errorf("credentials were printed: %t", printed)
				}
			})
		}
	}
}

// TestE2EWarmGetAsksASilentKeyringOnce: the time limit of a keyring that does not respond holds for
// the warm path and the normal program together.
func TestE2EWarmGetAsksASilentKeyringOnce(t *testing.T) {
	needCommands(t, "strace")
	service := startSecretService(t)
	program := buildProgram(t)
	k := newKeyringTest(t, program, service.env...)
	k.home = k.with("AWS_CREDPROC_STORE=keyring")
	k.get(t, 0, 1)
	log := filepath.Join(t.TempDir(), "strace")
	signal(t, "STOP", service.pid)
	defer signal(t, "CONT", service.pid)
	r := k.run(t, "strace", "-f", "-e", "trace=connect", "-o", log, program, "get", "dev-role")
	if !strings.Contains(r.stderr, "no response in time") {
		t.Errorf("stderr: %s", r.stderr)
	}
	text, err := os.ReadFile(log)
	mustDo(t, err)
	if n := strings.Count(string(text), "sa_family=AF_UNIX"); n != 1 {
		t.Errorf("%d connections to the session bus, want 1:\n%s", n, text)
	}
}
