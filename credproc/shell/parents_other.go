//go:build unix && !linux && !darwin

package shell

// parents returns nil: children are not killed.
func parents() map[int]int { return nil }
