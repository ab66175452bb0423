package cli

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"aws-credproc/cache"
	"aws-credproc/internal/tui"
)

// statusNow is the time of the pages in these tests.
var statusNow = time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)

// sessionWith returns a role's session with a lifetime of which some time is left.
func sessionWith(profile string, lifetime, left time.Duration, usedBy ...string) sessionStatus {
	created, expires := statusNow.Add(left-lifetime), statusNow.Add(left)
	return sessionStatus{
		Profile: profile, Store: "keyring", Created: &created, Expires: &expires,
		use: &sessionUse{identity: identity{"123456789012", "Dev"}, usedBy: append(usedBy, profile)},
	}
}

// failing returns s with a last error.
func (s sessionStatus) failing(problem, hint string, ago time.Duration) sessionStatus {
	s.LastError, s.lastHint, s.lastErrorAt = &problem, hint, statusNow.Add(-ago)
	return s
}

func pageOf(width int, sessions ...sessionStatus) string {
	list := sessionList{sessions: sessions}
	return "\n" + string(statusPage(list, "", statusNow, tui.Screen{Width: width}))
}

func TestStatusPage(t *testing.T) {
	const role = "arn:aws:iam::210987654321:role/path/Ops"
	const denied = "AssumeRole " + role + ": AccessDenied for arn:aws:iam::123456789012:user/jill"
	noSession := sessionStatus{Profile: "ops", RoleARN: role, Type: "assume_role"}
	left := func(profile string, left time.Duration, usedBy ...string) sessionStatus {
		return sessionWith(profile, time.Hour, left, usedBy...)
	}
	const expired = -time.Minute
	for name, test := range map[string]struct {
		width    int
		sessions []sessionStatus
		want     string
	}{
		"a fresh hour is 60m": {0, []sessionStatus{left("dev", time.Hour-time.Second)}, `
PROFILE  ACCOUNT       ROLE  STORE    LEFT  USED BY
dev      123456789012  Dev   keyring  60m
`},
		"a wired profile uses the session": {0, []sessionStatus{
			left("dev-role", 40*time.Minute, "dev")}, `
PROFILE   ACCOUNT       ROLE  STORE    LEFT  USED BY
dev-role  123456789012  Dev   keyring  40m   dev
`},
		"many profiles": {0, []sessionStatus{left("base", 40*time.Minute,
			strings.Fields("p1 p2 p3 p4 p5 p6 p7 p8 p9 p10 p11")...)}, `
PROFILE  ACCOUNT       ROLE  STORE    LEFT  USED BY
base     123456789012  Dev   keyring  40m   p1 p2 p3 p4 p5 p6 p7 p8 and 3 more
`},
		"a failure and no session": {80, []sessionStatus{
			noSession.failing("ops: "+denied, "aws-credproc explain --policies ops", 3*time.Second)}, `
PROFILE  ACCOUNT       ROLE  STORE  LEFT    USED BY
ops      210987654321  Ops   -      failed  -

ops (3s ago): AssumeRole arn:aws:iam::210987654321:role/path/Ops: AccessDenied
  for arn:aws:iam::123456789012:user/jill
  hint: aws-credproc explain --policies ops
`},
		"neither a failure nor a session": {0, []sessionStatus{noSession}, `
PROFILE  ACCOUNT       ROLE  STORE  LEFT  USED BY
ops      210987654321  Ops   -      -     -
`},
		"a session and a failure": {0, []sessionStatus{
			left("dev", 5*time.Minute).
				failing("dev: STS is temporarily unavailable", "", 2*time.Minute)}, `
PROFILE  ACCOUNT       ROLE  STORE    LEFT  USED BY
dev      123456789012  Dev   keyring  5m

dev (2m ago): STS is temporarily unavailable
`},
		"a shared failure is shown once": {0, []sessionStatus{
			left("a", expired).
				failing("a: the sign-in has expired", "aws-credproc refresh a", time.Minute),
			left("b", expired).
				failing("b: the sign-in has expired", "aws-credproc refresh b", time.Hour),
			left("base", expired, "a").
				failing("a: the sign-in has expired", "aws-credproc refresh a", time.Hour),
			left("c", expired).failing("c: the key is inactive", "", time.Minute)}, `
PROFILE  ACCOUNT       ROLE  STORE    LEFT     USED BY
a        123456789012  Dev   keyring  expired
b        123456789012  Dev   keyring  expired
base     123456789012  Dev   keyring  expired  a
c        123456789012  Dev   keyring  expired

a, b, base (1m ago): the sign-in has expired
  hint: aws-credproc refresh a

c (1m ago): the key is inactive
`},
	} {
		t.Run(name, func(t *testing.T) {
			if got := pageOf(test.width, test.sessions...); got != test.want {
				t.Errorf("got %s\nwant %s", got, test.want)
			}
		})
	}
}

func TestStatusPageIsNotWiderThanTheScreen(t *testing.T) {
	s := sessionWith("a-team-with-a-long-name-production", time.Hour, time.Hour,
		strings.Fields("one two three four five six")...)
	s.use.role = "AWSReservedSSO_AdministratorAccess_0123456789abcdef"
	s = s.failing("STS does not respond, after three attempts within fifty seconds",
		"check the network and the proxy settings", time.Minute)
	for _, width := range []int{80, 120} {
		for line := range strings.Lines(pageOf(width, s)) {
			if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > width {
				t.Errorf("%d columns on a screen of %d: %s", n, width, line)
			}
		}
	}
}

func TestFailuresOfProfilesAreTheSame(t *testing.T) {
	names := []string{"dev", "dev-role"}
	for text, want := range map[string]string{
		"":                                      "",
		"aws-credproc explain --policies dev":   "aws-credproc explain --policies PROFILE",
		"set external_id in [profile dev-role]": "set external_id in [profile PROFILE]",
		"role/dev: denied":                      "role/dev: denied",
		"dev: device dev2":                      "PROFILE: device dev2",
		"é dev":                                 "é PROFILE",
	} {
		if got := withoutNames(text, names); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestStatusHidesSessionsOfOtherConfigs(t *testing.T) {
	facts := []cache.Facts{
		{Key: cache.Key{1}, Profile: "dev", Store: cache.File},
		{Key: cache.Key{2}, Profile: "dev", Store: cache.File}, // another endpoint
		{Key: cache.Key{3}, Profile: "gone", Store: cache.File},
	}
	uses := map[cache.Key]*sessionUse{{1}: {profiles: []string{"dev"}, usedBy: []string{"dev"}}}
	for name, test := range map[string]struct {
		uses          map[cache.Key]*sessionUse
		names         []string
		all           bool
		shown, hidden int
	}{
		"default":             {uses, nil, false, 1, 2},
		"--all":               {uses, nil, true, 3, 0},
		"dev":                 {uses, []string{"dev"}, false, 1, 1},
		"--all dev":           {uses, []string{"dev"}, true, 2, 0},
		"no config, so --all": {nil, nil, true, 3, 0},
	} {
		list := selectSessions(facts, test.uses, test.names, test.all)
		if len(list.sessions) != test.shown || list.hidden != test.hidden {
			t.Errorf("%s: %d shown, %d hidden", name, len(list.sessions), list.hidden)
		}
		page := string(statusPage(list, "", statusNow, tui.Screen{}))
		if strings.Contains(page, "Not shown without --all") != (test.hidden > 0) {
			t.Errorf("%s: %s", name, page)
		}
	}
}

func TestStatusNamesProfilesOfTheCurrentConfig(t *testing.T) {
	use := &sessionUse{owners: []string{"dev-role", "same"}}
	for recorded, test := range map[string]struct {
		use  *sessionUse
		want string
	}{
		"dev":   {use, "dev-role"},
		"same":  {use, "same"},
		"other": {nil, "other"},
	} {
		if s := statusOf(cache.Facts{Profile: recorded}, test.use); s.Profile != test.want {
			t.Errorf("session of %s is shown as that of %s, want %s", recorded, s.Profile, test.want)
		}
	}
	facts := []cache.Facts{{Key: cache.Key{1}, Profile: "a"}, {Key: cache.Key{2}, Profile: "b"}}
	uses := map[cache.Key]*sessionUse{{1}: {owners: []string{"c"}}}
	list := selectSessions(facts, uses, nil, true)
	if got := list.sessions[0].Profile + list.sessions[1].Profile; got != "bc" {
		t.Errorf("sessions in the order %s", got)
	}
}

func TestStatusColors(t *testing.T) {
	sessions := []sessionStatus{
		sessionWith("a", time.Hour, time.Hour), sessionWith("b", time.Hour, 5*time.Minute),
		sessionWith("c", time.Hour, -time.Minute),
		sessionWith("d", 15*time.Minute, 4*time.Minute), // usable down to a quarter of its lifetime
		sessionWith("e", 15*time.Minute, 3*time.Minute).failing("e: denied", "ask", time.Minute),
	}
	if plain := pageOf(80, sessions...); strings.Contains(plain, "\x1b") {
		t.Errorf("colors where there are none: %q", plain)
	}
	list := sessionList{sessions: sessions}
	colored := string(statusPage(list, "", statusNow, tui.Screen{Width: 80, Colors: true}))
	for _, want := range []string{
		"\x1b[1mPROFILE\x1b[0m", "\x1b[32m60m\x1b[0m", "\x1b[33m5m\x1b[0m", "\x1b[32m4m\x1b[0m",
		"\x1b[33m3m\x1b[0m", "\x1b[31mexpired\x1b[0m", "\x1b[31me\x1b[0m (1m ago): denied",
		"\x1b[32mhint:\x1b[0m ask",
	} {
		if !strings.Contains(colored, want) {
			t.Errorf("no %q in %q", want, colored)
		}
	}
}

func TestStoreNote(t *testing.T) {
	for _, test := range []struct {
		store  cache.Choice
		reason string
		want   string
	}{
		{cache.File, "", ""},
		{cache.Keyring, "unlocked", "New sessions: keyring (unlocked)"},
		{cache.Kernel, "no keyring: no D-Bus session bus",
			"New sessions: kernel store (no keyring: no D-Bus session bus)"},
		{cache.None, "keyring: locked; no kernel store: only Linux has it",
			"New sessions: not cached (keyring: locked; no kernel store: only Linux has it)"},
	} {
		if got := storeNote(test.store, test.reason); got != test.want {
			t.Errorf("%s: %s, want %s", test.reason, got, test.want)
		}
	}
}
