package credproc

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"aws-credproc/internal/diag"

	"github.com/aws/smithy-go"
)

// signInError is a failure that a sign-in fixes.
type signInError struct {
	error
	command []string
}

func (e *signInError) Unwrap() error { return e.error }

// SignInCommand returns the command that signs in again if that is what err needs, and else nil.
func SignInCommand(err error) []string {
	var e *signInError
	if !errors.As(err, &e) {
		return nil
	}
	return e.command
}

// signInFailure is serviceError for a step at which signing in fixes every failure that is not
// temporary.
func signInFailure(s source, service string, err error, command []string) *diag.Error {
	if isSyntaxError(err) && !errors.As(err, new(*smithy.DeserializationError)) {
		err = fmt.Errorf("the cached token is %w", cause(err))
	}
	e := serviceError(s, service, err, strings.Join(command, " "))
	if !e.Has(diag.Temporary) && !errors.Is(err, context.Canceled) {
		e.Flags |= diag.NeedsUser
		e.Err = &signInError{e.Err, command}
	}
	return e
}
