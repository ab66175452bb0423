package e2e_test

import (
	"strings"
	"testing"
	"time"
)

// TestE2EWarmGetDiffersWithNoKeyring compares the program with one that has no warm path, in the
// states of a real keyring: stdout, the exit code and stderr are the same, and a keyring that does
// not respond costs its time limit once.
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
				t.Logf("exit code %d in %v, without the warm path in %v", got.code, got.took, want.took)
				if got.took > want.took+300*time.Millisecond {
					t.Errorf("it took %v, without the warm path %v", got.took, want.took)
				}
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
