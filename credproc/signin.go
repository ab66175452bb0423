package credproc

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"aws-credproc/internal/diag"
	"aws-credproc/internal/files"

	"github.com/aws/smithy-go"
)

// tokenPatience is how long to wait for the token file of another program. Other programs renew the
// same sign-ins without a lock, and some of them truncate the file before they write it.
var tokenPatience = 1500 * time.Millisecond // a test changes it

// tokenInterval is how often the token file is read meanwhile.
const tokenInterval = 20 * time.Millisecond

// errTokenExpired means that the token of a sign-in has expired. Perhaps it can be renewed.
var errTokenExpired = errors.New("the session has expired or is invalid")

// signIn is a sign-in whose token is in a file of the AWS CLI.
type signIn struct {
	source
	service string
	path    string
	command []string // signs in again
}

// fail returns the error of a step at which signing in fixes every failure that is not temporary.
func (in signIn) fail(err error) *diag.Error {
	return signInFailure(in.source, in.service, err, in.command)
}

// withToken returns what use returns for the token file of a sign-in. If that is errTokenExpired,
// withToken returns what redeem returns, which renews the token. One process at a time redeems it,
// since a refresh token may be valid for one use. If it is refused, another program has perhaps
// redeemed it, and withToken waits for the token of that program.
func withToken[T any](
	ctx context.Context, in signIn, use func(tokenFile) (T, error),
	redeem func(context.Context, tokenFile) (T, error),
) (found T, err error) {
	f, err := in.read(ctx)
	if err != nil {
		return found, err
	}
	if found, err = use(f); err == nil {
		return found, nil
	}
	if redeem == nil || !errors.Is(err, errTokenExpired) {
		return found, in.fail(err)
	}
	if found, err = redeemLocked(ctx, in, use, redeem); err == nil {
		return found, nil
	}
	if isRefusal(err) {
		in.Tracef("%s: %v; reading the token file again", in.service, err)
		if found, ok := awaitToken(ctx, in, use); ok {
			return found, nil
		}
	}
	if e := (*diag.Error)(nil); errors.As(err, &e) {
		return found, e
	}
	return found, in.fail(err)
}

// redeemLocked redeems the token of a file, unless another process of this program has done so.
func redeemLocked[T any](
	ctx context.Context, in signIn, use func(tokenFile) (T, error),
	redeem func(context.Context, tokenFile) (T, error),
) (found T, err error) {
	unlock, err := in.Cache.LockAlways(ctx, sha256.Sum256([]byte("sign-in "+files.Real(in.path))))
	if ctx.Err() != nil {
		return found, serviceError(in.source, in.service, err, "")
	}
	if err != nil {
		in.Tracef("%s: no lock: %v", in.service, err)
	}
	defer unlock()
	f, err := in.read(ctx)
	if err != nil {
		return found, err
	}
	if found, err = use(f); errors.Is(err, errTokenExpired) {
		return redeem(ctx, f)
	}
	return found, err
}

// refusal means that a service has refused a token.
type refusal struct{ error }

func (e refusal) Unwrap() error { return e.error }

// isRefusal reports whether a service has refused a token, and not only this request.
func isRefusal(err error) bool {
	return errors.As(err, new(refusal)) ||
		errors.As(err, new(smithy.APIError)) && !isTemporary(err)
}

// read reads the token file. It waits a short time for a program that is writing the file.
func (in signIn) read(ctx context.Context) (tokenFile, error) {
	f, err := readTokenFile(in.path)
	if isSyntaxError(err) {
		in.Tracef("%s: %v; reading the token file again", in.service, cause(err))
		poll(ctx, func() bool {
			f, err = readTokenFile(in.path)
			return !isSyntaxError(err)
		})
	}
	switch {
	case err == nil:
		return f, nil
	case errors.Is(err, fs.ErrNotExist):
		return f, in.fail(errors.New("not signed in"))
	case isSyntaxError(err), errors.Is(err, errNotToken):
		return f, in.fail(err)
	}
	return f, in.source.fail(err, strings.Join(in.command, " "))
}

// awaitToken reads the token file until use accepts it. It gives up after a short time.
func awaitToken[T any](
	ctx context.Context, in signIn, use func(tokenFile) (T, error),
) (found T, ok bool) {
	ok = poll(ctx, func() bool {
		f, err := readTokenFile(in.path)
		if err == nil {
			found, err = use(f)
		}
		return err == nil
	})
	return found, ok
}

// poll calls do until it returns true, for tokenPatience at most. It returns the last result.
func poll(ctx context.Context, do func() bool) bool {
	ctx, cancel := context.WithTimeout(ctx, tokenPatience)
	defer cancel()
	ticks := time.NewTicker(tokenInterval)
	defer ticks.Stop()
	for !do() {
		select {
		case <-ctx.Done():
			return do()
		case <-ticks.C:
		}
	}
	return true
}

// save saves a renewed token. If the user has signed in again meanwhile, it keeps the file.
func (in signIn) save(f tokenFile) {
	if !f.isUnchanged() {
		in.Tracef("%s: another program has written the token file, so it is kept", in.service)
		return
	}
	if err := f.write(); err != nil {
		in.Warnf("%s: %s: the renewed token could not be saved: %v",
			in.plan.Chain.Profile.Name, in.service, err)
	}
}

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
