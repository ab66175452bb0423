// Package diag has the error that the packages of this module return for a user to read.
package diag

import (
	"errors"
	"strings"
	"syscall"
)

// Error is a failure in the form in which a user reads it: what happened and, where something
// helps, what to do about it. It never holds a secret. Text from outside may hold control
// characters; the command line strips them before it prints.
type Error struct {
	Profile string // the profile it is about, if there is one
	Where   string // the file and line, or the step that failed, such as "AssumeRole arn:..."
	Problem string // what happened; if empty, the text of Err
	Hint    string // the command to run or the change to make; empty if nothing helps
	Err     error  // the cause or a sentinel; nil only if Problem is set
	Setting string // the setting at fault, where it is a single one: a key or an environment variable
	Flags   Flags
}

// Flags classify an [Error].
type Flags uint8

const (
	// NeedsUser: only a user can continue (an MFA code, a sign-in), and none can be asked here.
	NeedsUser Flags = 1 << iota
	// Temporary: the same call may succeed later with nothing changed (network, 5xx, throttling,
	// time-out). A denial is not temporary.
	Temporary
	// Denied: STS refused the caller. A role, policy or key that is new is refused for some
	// seconds.
	Denied
	// Local: the cause is a setting of this process, so other processes do not share the failure.
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

// Has reports whether err is or wraps an [Error] with all of these flags. The outermost one counts.
func Has(err error, f Flags) bool {
	var e *Error
	return errors.As(err, &e) && e.Has(f)
}

// Hint returns the hint of the outermost [Error] in err, and "" if it has none.
func Hint(err error) string {
	if e := (*Error)(nil); errors.As(err, &e) {
		return e.Hint
	}
	return ""
}

// Text returns err as a user reads it: the problem and, on a second line, the hint.
func Text(err error) string { return WithHint(err.Error(), Hint(err)) }

// WithHint returns text with the hint, if there is one, on a second line.
func WithHint(text, hint string) string {
	if hint == "" {
		return text
	}
	return text + hintLine + hint
}

// CutHint splits what [WithHint] returned.
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
