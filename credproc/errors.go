package credproc

import "strings"

// Error is a failure in the form in which a person reads it: which profile, at which step, why, and what to do.
// It never holds a secret. What came from outside may hold control characters: whoever shows it strips them.
type Error struct {
	Profile string
	Step    string // such as "assume role ARN as ARN"
	Err     error
	Mend    string // what to do about it; may be empty
	// From is the setting that is wrong, where one alone is: a variable's name, or a key of the profile.
	From string

	// NeedsPerson says that only a person can go on (a token code, a login) and that nobody can be asked here.
	NeedsPerson bool
	// Passing says that the same call may succeed later with nothing changed: the network, a 5xx, throttling, a
	// time-out. A denial is not passing.
	Passing bool

	// Denied says that STS knows who asks, or not yet, and says no. A role, a policy or a key that was made a moment ago is
	// known everywhere only after some seconds.
	Denied bool
	// SignIn is the command by which a person signs in again, where that is what is needed; else nil.
	SignIn []string

	// local says that the failure is of this process's settings, and so tells other processes nothing.
	local bool
}

// Error gives all of it as one line.
func (e *Error) Error() string {
	var b strings.Builder
	for _, part := range []string{e.Profile, e.Step} {
		if part != "" {
			b.WriteString(part + ": ")
		}
	}
	b.WriteString(e.Err.Error())
	if e.Mend != "" {
		b.WriteString(" (mend: " + e.Mend + ")")
	}
	return b.String()
}

func (e *Error) Unwrap() error { return e.Err }
