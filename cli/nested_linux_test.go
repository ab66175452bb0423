package cli

import (
	"strings"
	"testing"
)

// TestTimeoutEndsNestedProcesses: a credential_process that starts aws-credproc, whose own
// credential_process hangs.
func TestTimeoutEndsNestedProcesses(t *testing.T) {
	s := startSTS(t)
	h := newHelper(t, s)
	const marker = "98765.4321" // the sleep of the innermost command, in seconds
	h.setting(t, "[profile outer]\ncredential_process = sh -c '"+h.path+" get inner'\n"+
		"[profile inner]\ncredential_process = sleep "+marker)
	_, stderr, err := h.run(t, "--timeout", "2s", "get", "outer")
	if err == nil || !strings.Contains(stderr, "did not end within the time allowed") {
		t.Errorf("error %v, stderr %s", err, stderr)
	}
	waitFor(t, "the innermost command to end", func() bool { return !isRunning(t, marker) })
}
