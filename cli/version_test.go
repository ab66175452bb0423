package cli

import (
	"runtime/debug"
	"testing"
)

func TestVersionHasTheCommitAndItsDate(t *testing.T) {
	vcs := func(modified string) []debug.BuildSetting {
		return []debug.BuildSetting{
			{Key: "vcs.revision", Value: "0123456789abcdef0123456789abcdef01234567"},
			{Key: "vcs.time", Value: "2026-11-26T10:00:00Z"},
			{Key: "vcs.modified", Value: modified},
		}
	}
	for want, info := range map[string]debug.BuildInfo{
		"(devel)": {},
		"v0.1.0":  {Main: debug.Module{Version: "v0.1.0"}},
		"v0.1.0 (commit 0123456789ab, 2026-11-26)": {
			Main: debug.Module{Version: "v0.1.0"}, Settings: vcs("false")},
		"(devel) (commit 0123456789ab, 2026-11-26, modified)": {Settings: vcs("true")},
	} {
		if got := versionText(&info); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
