package doctor

import (
	"maps"
	"slices"

	"aws-credproc/internal/nearest"
	"aws-credproc/profiles"
)

// mistypedKey finds keys that are probably mistyped names of settings, such as mfa_seral. Nothing
// fails because of them until STS denies a request. It leaves out profiles that another check
// reports as unusable.
func mistypedKey(x *examination) (found []Finding) {
	for _, name := range x.config.names {
		if x.isFaulty(name) {
			continue
		}
		p := x.config.sections[name]
		for _, key := range slices.Sorted(maps.Keys(p.Properties)) {
			meant := meantBy(key)
			if meant == "" || p.Get(meant) != "" {
				continue
			}
			found = append(found, Finding{
				Severity: Warning, Profile: name, Where: x.config.place(p, key),
				What: shorten(key) + " is not a setting; did you mean " + meant + "?",
				Why:  "no tool reads it, and nothing reports it",
				Fix:  "correct the key, or remove the line",
			})
		}
	}
	return found
}

// meantBy returns the setting of which a key is probably a mistyped name, or "". Other programs
// have settings of their own, so the two must be closer than in a message about a failure.
func meantBy(key string) string {
	const short = 8 // characters
	limit := 2
	if len(key) < short {
		limit = 1
	}
	if profiles.IsSetting(key) || slices.Contains(sdkKeys, key) {
		return ""
	}
	return nearest.Within(limit, key, profiles.Settings())
}

// isFaulty reports whether another check reports why a profile cannot be used.
func (x *examination) isFaulty(name string) bool {
	if _, ok := x.chains.byProfile[name]; !ok {
		return true
	}
	return slices.ContainsFunc(x.chains.faults, func(f fault) bool { return f.profile == name })
}
