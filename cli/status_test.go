package cli

import (
	"aws-credproc/internal/tui"
	"strings"
	"testing"
	"time"
)

func TestStatusIsColouredWhereColoursAre(t *testing.T) {
	now := time.Now()
	in := func(d time.Duration) *time.Time { at := now.Add(d); return &at }
	session := func(lifetime, left time.Duration) sessionStatus {
		return sessionStatus{Profile: "some-role", Store: "keyring", Created: in(left - lifetime), Expires: in(left)}
	}
	all := []sessionStatus{
		session(time.Hour, time.Hour), session(time.Hour, 5*time.Minute), session(time.Hour, -time.Minute),
		session(15*time.Minute, 4*time.Minute), session(15*time.Minute, 3*time.Minute), // of a short one a quarter counts
	}
	plain := string(statusPage(all, "", now, tui.Screen{}))
	if strings.Contains(plain, "\x1b") {
		t.Errorf("colours where there are none: %q", plain)
	}
	coloured := string(statusPage(all, "", now, tui.Screen{Width: 80, Colours: true}))
	for _, want := range []string{"\x1b[32m1h00m\x1b[0m", "\x1b[33m5m\x1b[0m", "\x1b[32m4m\x1b[0m", "\x1b[33m3m\x1b[0m", "\x1b[31mexpired\x1b[0m"} {
		if !strings.Contains(coloured, want) {
			t.Errorf("no %q in %q", want, coloured)
		}
	}
}
