// Package mfa provides the codes of MFA devices: from the command that a profile names, from a TOTP
// seed in the keyring, or from the user, at the terminal or in a window.
//
// It asks the user only where they can see the question, and stops when its context ends. A code or
// a seed is never in an argument, the environment, a file, an error or a log.
package mfa

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"aws-credproc/internal/diag"
	"aws-credproc/profiles"
)

// Mode is a value of --prompt: where the user may be asked.
type Mode string

// The modes. Auto uses the terminal if there is one, and otherwise a window. None does not ask the
// user and runs no mfa_process. Seeds are used in every mode.
const (
	Auto Mode = "auto"
	TTY  Mode = "tty"
	GUI  Mode = "gui"
	None Mode = "none"
)

// Modes returns all modes.
func Modes() []Mode { return []Mode{Auto, TTY, GUI, None} }

// ParseMode parses a value of --prompt. The empty string is [Auto].
func ParseMode(s string) (Mode, error) {
	if s == "" {
		return Auto, nil
	}
	if !slices.Contains(Modes(), Mode(s)) {
		var names []string
		for _, m := range Modes() {
			names = append(names, string(m))
		}
		return "", fmt.Errorf("%q is not one of %s", s, strings.Join(names, ", "))
	}
	return Mode(s), nil
}

// Device is an MFA device and what its code is used for.
type Device struct {
	Serial  string // the ARN of a virtual device or the serial number of a hardware device
	Profile string
	RoleARN string // "" if the code is not for one role
	Process string // the profile's mfa_process; "" if it has none
	Chain   string // the profiles that lead to that command, as in [plan.ChainVariable]
}

// label returns the profile and role for messages.
func (d Device) label() string {
	label := "aws-credproc: profile " + d.Profile
	if d.RoleARN != "" {
		label += ", role " + d.RoleARN
	}
	return label
}

// question returns the question for a code.
func (d Device) question() string { return d.label() + "\nMFA code for " + d.Serial + ":" }

// Code is an MFA code of six digits. It prints as ***.
type Code struct{ profiles.Secret }

// parseCode parses a code and ignores white space in it.
func parseCode(s string) (Code, bool) {
	digits := strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return r
	}, s)
	if len(digits) != 6 || strings.Trim(digits, "0123456789") != "" {
		return Code{}, false
	}
	return Code{profiles.Secret(digits)}, true
}

// Errors of [Provider]. After a timeout, the error wraps [context.DeadlineExceeded].
var (
	// ErrCannotAsk means that there is no way to get a code. The text of the error says why, and
	// completes "MFA code required, but".
	ErrCannotAsk = errors.New("there is no terminal or display to ask on")
	// ErrCancelled means that the user entered no code. If the user interrupted this process, the
	// error wraps [context.Canceled] too.
	ErrCancelled = errors.New("no MFA code was entered")
	// ErrRefused is for callers to report that STS refused a code.
	ErrRefused = errors.New("the MFA code was refused")
)

// errInterrupted is the error after Ctrl-C.
var errInterrupted = diag.Reword(ErrCancelled.Error(), errors.Join(ErrCancelled, context.Canceled))
