package ospath

import (
	"os/exec"
	"path/filepath"
)

// Clean is [filepath.Clean].
func Clean(name string) string { return filepath.Clean(name) }

// Join is [filepath.Join].
func Join(elements ...string) string { return filepath.Join(elements...) }

// Base is [filepath.Base].
func Base(name string) string { return filepath.Base(name) }

// Dir is [filepath.Dir].
func Dir(name string) string { return filepath.Dir(name) }

// IsAbs is [filepath.IsAbs].
func IsAbs(name string) bool { return filepath.IsAbs(name) }

// ToSlash is [filepath.ToSlash].
func ToSlash(name string) string { return filepath.ToSlash(name) }

// Abs is [filepath.Abs].
func Abs(name string) (string, error) { return filepath.Abs(name) }

// EvalSymlinks is [filepath.EvalSymlinks].
func EvalSymlinks(name string) (string, error) { return filepath.EvalSymlinks(name) }

// LookPath is [exec.LookPath].
func LookPath(name string) (string, error) { return exec.LookPath(name) }
