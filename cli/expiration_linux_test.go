package cli

import (
	"encoding/json"
	"regexp"
	"testing"
	"time"
)

// TestExpirationIsPrintedEarly checks every way in which a session is handed to other programs.
func TestExpirationIsPrintedEarly(t *testing.T) {
	h := newHelper(t, startSTS(t))
	h.output(t, "refresh", "dev")
	var status struct{ Sessions []struct{ Expires time.Time } }
	if err := json.Unmarshal([]byte(h.output(t, "status", "--json")), &status); err != nil {
		t.Fatal(err)
	}
	if len(status.Sessions) != 1 {
		t.Fatalf("%d sessions, want 1", len(status.Sessions))
	}
	want := status.Sessions[0].Expires.Add(-30 * time.Second)
	check := func(name string, got time.Time) {
		if !got.Equal(want) {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	timestamp := regexp.MustCompile(`20[0-9-]+T[0-9:]+Z`)
	for name, args := range map[string][]string{
		"get":         {"get", "dev"},
		"export":      {"export", "dev"},
		"export json": {"export", "dev", "--format", "json"},
		"exec":        {"exec", "dev", "--", "sh", "-c", "echo $AWS_CREDENTIAL_EXPIRATION"},
	} {
		out := h.output(t, args...)
		got, err := time.Parse(time.RFC3339, timestamp.FindString(out))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		check(name, got)
	}
	server := h.serve(t)
	check("exec --serve", server.ask(t).Expiration)
	server.end(t)
}
