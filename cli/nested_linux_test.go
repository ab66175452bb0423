package cli

import (
	"strings"
	"testing"
	"time"
)

// TestNestedHelpersEndWithTheFirst: a command that starts this helper again, whose command hangs,
// leaves no process behind.
func TestNestedHelpersEndWithTheFirst(t *testing.T) {
	s := startSTS(t)
	h := newHelper(t, s)
	const marker = "98765.4321" // the seconds that the innermost command sleeps
	h.setting(t, "[profile outer]\ncredential_process = sh -c '"+h.path+" get inner'\n[profile inner]\ncredential_process = sleep "+marker)
	if _, stderr, err := h.run(t, "--timeout", "2s", "get", "outer"); err == nil || !strings.Contains(stderr, "did not end within the time allowed") {
		t.Errorf("error %v, stderr %s", err, stderr)
	}
	deadline := time.Now().Add(30 * time.Second) // killed processes take a moment to go
	for isRunning(t, marker) {
		if time.Now().After(deadline) {
			t.Fatal("the innermost command still runs")
		}
	}
}
