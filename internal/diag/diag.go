// Package diag defines the error that this module's packages return to be shown to a user.
package diag

import (
	"errors"
	"strings"
	"syscall"
)

// Error says what happened and, if something helps, what to do about it. It never holds a secret.
// Text from outside may hold control characters, which the command line strips.
type Error struct {
	Profile string // the profile at fault, if there is one
	Where   string // file and line, or the step that failed, such as "AssumeRole arn:..."
	Problem string // what happened; if empty, the text of Err
	Hint    string // the command to run or the change to make; empty if nothing helps
	Err     error  // the cause or a sentinel; nil only if Problem is set
	Setting string // the key or environment variable at fault, if it is a single one
	Flags   Flags
}

// Flags classify an [Error].
type Flags uint8

const (
	// NeedsUser means that the user must act (MFA code, sign-in) and cannot be asked here.
	NeedsUser Flags = 1 << iota
	// Temporary means that the same call may succeed later (network, 5xx, throttling, timeout). A
	// denial is not temporary.
	Temporary
	// Denied means that STS refused the caller, which also happens in the first seconds of a new
	// role, policy or key.
	Denied
	// Local means that a setting of this process is the cause; other processes do not share the
	// failure.
	Local
)

// Error returns the profile, the place and the problem on one line, without the hint.
func (e *Error) Error() string {
	parts := make([]string, 0, 3)
	for _, part := range []string{e.Profile, e.Where, e.What()} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	return strings.Join(parts, ": ")
}

// What returns the problem alone.
func (e *Error) What() string {
	if e.Problem != "" {
		return e.Problem
	}
	return e.Err.Error()
}

func (e *Error) Unwrap() error { return e.Err }

// Has reports whether all of these flags are set.
func (e *Error) Has(f Flags) bool { return e.Flags&f == f }

// Set sets or clears these flags.
func (e *Error) Set(f Flags, on bool) {
	e.Flags &^= f
	if on {
		e.Flags |= f
	}
}

// Has reports whether the outermost [Error] in err has all of these flags.
func Has(err error, f Flags) bool {
	var e *Error
	return errors.As(err, &e) && e.Has(f)
}

// Hint returns the hint of the outermost [Error] in err, or "".
func Hint(err error) string {
	if e := (*Error)(nil); errors.As(err, &e) {
		return e.Hint
	}
	return ""
}

// Text returns the text of err and, on a second line, its hint.
func Text(err error) string { return WithHint(err.Error(), Hint(err)) }

// WithHint appends a hint, if it is not empty, as a second line.
func WithHint(text, hint string) string {
	if hint == "" {
		return text
	}
	return text + hintLine + hint
}

// CutHint undoes [WithHint].
func CutHint(text string) (problem, hint string) {
	problem, hint, _ = strings.Cut(text, hintLine)
	return problem, hint
}

const hintLine = "\nhint: "

// FileLimitHint returns the hint for a file that cannot be opened because too many files are open.
// It returns "" for other errors.
func FileLimitHint(err error) string {
	switch {
	case errors.Is(err, syscall.EMFILE):
		return "raise the limit on open files (ulimit -n)"
	case errors.Is(err, syscall.ENFILE):
		return "close some programs; the system limit on open files is reached"
	}
	return ""
}
