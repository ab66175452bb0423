package cli

import (
	"runtime/debug"
	"strings"
)

// version returns the version in the build info.
func version() string { return mainVersion(buildInfo()) }

func mainVersion(info *debug.BuildInfo) string {
	if info.Main.Version == "" {
		return "(devel)"
	}
	return info.Main.Version
}

// buildInfo returns the build info of the program. It is empty if the program has none.
func buildInfo() *debug.BuildInfo {
	if info, ok := debug.ReadBuildInfo(); ok {
		return info
	}
	return &debug.BuildInfo{}
}

// versionText returns what --version prints: the version and, if the program was built in a
// checkout, the commit with its date.
func versionText(info *debug.BuildInfo) string {
	settings := map[string]string{}
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	commit := settings["vcs.revision"]
	if commit == "" {
		return mainVersion(info)
	}
	details := "commit " + commit[:min(len(commit), 12)]
	if date, _, ok := strings.Cut(settings["vcs.time"], "T"); ok {
		details += ", " + date
	}
	if settings["vcs.modified"] == "true" {
		details += ", modified"
	}
	return mainVersion(info) + " (" + details + ")"
}
