// Package mfa gets token codes of MFA devices.
package mfa

import (
	"errors"

	"aws-credproc/profiles"
)

// Device is what a code is wanted for.
type Device struct {
	Serial  string // the ARN of a virtual device, or the serial number of another
	Profile string
	RoleARN string // "" where it is not for one role
	Process string // the profile's mfa_process: a command that prints the code; "" for none
	Way     string // the profiles on the way to that command, with spaces between them
}

// Code is a token code, six digits. However it is printed, it shows as ***.
type Code struct{ profiles.Secret }

// What a caller may want to know of an error. Beside these, one wraps [context.DeadlineExceeded] where the time was up.
var (
	// ErrNobody: there is nothing and nobody to ask here; the text says why.
	ErrNobody = errors.New("nobody can be asked for an MFA code here")
	// ErrCancelled: the person did not want to answer.
	ErrCancelled = errors.New("the MFA code was asked for, and not given")
	// ErrRefused is for the caller to say, with the words of STS, that a code was of no use.
	ErrRefused = errors.New("the MFA code was refused")
)
