package keyring

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"aws-credproc/internal/keyringapi"
	"aws-credproc/internal/printable"
	"aws-credproc/internal/sessionbus"
)

// within makes a call. It ends with its context, since its connection is closed then.
func within[T any](ctx context.Context, call func(context.Context) (T, error)) (T, error) {
	return call(ctx)
}

// bus is a connection to the session bus, on which the Secret Service has responded. The function
// that a call returns waits for the reply. Calls are sent when a reply is waited for, all with one
// write. They start no service. The connection is closed when its context ends.
type bus struct {
	*sessionbus.Conn
	answered answeredFunc
	service  string // the unique name of the connection that has sent the first reply
	// isKeePassXC: the search of a locked collection shows a window and finds nothing.
	isKeePassXC bool
}

// reply waits for the reply to a call and stores its results.
type reply func(results ...any) error

func openBus(ctx context.Context) (*bus, error) {
	b, err := dialBus(ctx)
	if err != nil {
		return nil, err
	}
	if err := b.hello(); err != nil {
		b.Close()
		return nil, err
	}
	return b, nil
}

// dialBus returns a connection on which nothing has been called.
func dialBus(ctx context.Context) (*bus, error) {
	conn, err := sessionbus.Open(ctx)
	if err != nil {
		return nil, err
	}
	b := &bus{Conn: conn, answered: func(bool) {}}
	if f, ok := ctx.Value(answeredKey{}).(answeredFunc); ok {
		b.answered = f
	}
	return b, nil
}

// hello registers with the bus and waits for a first reply from the Secret Service.
//
// The bus handles calls in order, so the first call to the service is sent without waiting for the
// reply to Hello. This call looks up an alias that does not exist. Until gnome-keyring 42 has
// replied to it, it may not know about the new client: SearchItems would fail, and OpenSession would
// crash it. The bus itself replies who owns the name of KeePassXC.
func (b *bus) hello() error {
	hello := b.callBus("Hello")
	first := b.call(ssPath, ssService+".ReadAlias", "aws-credproc")
	named := b.callBus("GetNameOwner", keePassXC)
	if err := hello(); err != nil {
		return err
	}
	b.answered(false)
	var path sessionbus.ObjectPath
	if err := first(&path); err != nil {
		if errors.Is(err, errNoService) && b.isActivatable() {
			return ErrNotStarted
		}
		return err
	}
	var owner string
	b.isKeePassXC = named(&owner) == nil && owner == b.service
	return nil
}

// callBus calls a method of the bus itself.
func (b *bus) callBus(method string, args ...any) reply {
	call := b.CallBus(method, args...)
	return func(results ...any) error {
		_, err := call.Wait(results...)
		return translate(err)
	}
}

// call calls a method of the Secret Service.
func (b *bus) call(path sessionbus.ObjectPath, method string, args ...any) reply {
	call := b.Call(ssName, path, method, args...)
	return func(results ...any) error {
		sender, err := call.Wait(results...)
		if sender != "" { // there is a reply
			b.answered(true)
		}
		if b.service == "" && strings.HasPrefix(sender, ":") { // not the bus itself
			b.service = sender
		}
		return translate(err)
	}
}

var errNoService = fmt.Errorf("%w: no Secret Service is running", ErrUnavailable)

// serviceError is an error reply for which this package has no error of its own.
type serviceError struct{ name, text string }

// Error returns the text without the names of D-Bus errors before it, or the name if that is all.
func (e serviceError) Error() string {
	text := e.text
	for {
		name, rest, found := strings.Cut(text, ": ")
		if !found || strings.Contains(name, " ") || !strings.Contains(name, ".") {
			break
		}
		text = rest
	}
	return cmp.Or(text, e.name)
}

// Is reports that an error is keyringapi.ErrRefused if its name is one of the service's own, or
// Failed, which gnome-keyring returns if its disk is full. The other names of D-Bus and of the Secret
// Service, such as NoReply and NoSession of a service that was restarted, say nothing about the item.
func (e serviceError) Is(target error) bool {
	isStandard := strings.HasPrefix(e.name, dbusName+".Error.") ||
		strings.HasPrefix(e.name, "org.freedesktop.Secret.Error.")
	return target == keyringapi.ErrRefused && (e.name == dbusName+".Error.Failed" || !isStandard)
}

// translate translates errors of the bus and the service.
func translate(err error) error {
	var e sessionbus.Error
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &e):
		return fmt.Errorf("session bus: %w", err)
	}
	other := serviceError{printable.Clean(e.Name, 128), printable.Clean(e.Text, 256)}
	switch e.Name {
	case dbusName + ".Error.NameHasNoOwner", dbusName + ".Error.ServiceUnknown":
		return errNoService
	case dbusName + ".Error.AccessDenied": // in a sandbox
		return fmt.Errorf("%w: %w", ErrUnavailable, other)
	case "org.freedesktop.Secret.Error.IsLocked":
		return ErrLocked
	}
	return other
}

// isGone reports whether a call failed because its object no longer exists, for which gnome-keyring
// returns UnknownMethod.
func isGone(err error) bool {
	var e serviceError
	return errors.As(err, &e) && slices.Contains([]string{
		"org.freedesktop.Secret.Error.NoSuchObject",
		dbusName + ".Error.UnknownObject",
		dbusName + ".Error.UnknownMethod",
	}, e.name)
}
