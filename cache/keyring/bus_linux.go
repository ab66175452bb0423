package keyring

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/godbus/dbus/v5"

	"aws-credproc/internal/keyringapi"
	"aws-credproc/internal/printable"
	"aws-credproc/internal/sessionbus"
)

// bus is a connection to the session bus, on which the Secret Service has responded. Each call is
// sent immediately, with NoAutoStart so that it starts no service; the function that a call returns
// waits for the reply. The connection is closed when its context ends.
type bus struct {
	conn     *dbus.Conn
	socket   *bufferedConn
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
		b.close()
		return nil, err
	}
	return b, nil
}

// dialBus returns a connection on which nothing has been sent.
func dialBus(ctx context.Context) (*bus, error) {
	socket, err := sessionbus.Dial(ctx)
	if err != nil {
		return nil, err
	}
	b := &bus{socket: newBufferedConn(socket), answered: func(bool) {}}
	b.conn, err = dbus.NewConn(b.socket, dbus.WithContext(ctx),
		dbus.WithIncomingInterceptor(b.received))
	if err != nil {
		_ = socket.Close()
		return nil, fmt.Errorf("session bus: %w", err)
	}
	if f, ok := ctx.Value(answeredKey{}).(answeredFunc); ok {
		b.answered = f
	}
	return b, nil
}

// received is called for each message before it is handled. It notes who has sent the first reply
// that is not from the bus itself.
func (b *bus) received(m *dbus.Message) {
	sender, _ := m.Headers[dbus.FieldSender].Value().(string)
	if b.service == "" && m.Type == dbus.TypeMethodReply && strings.HasPrefix(sender, ":") {
		b.service = sender
	}
}

// hello registers with the bus and waits for a first reply from the Secret Service.
//
// The bus handles calls in order, so the first call to the service is sent without waiting for the
// reply to Hello (conn.Hello would wait). This call looks up an alias that does not exist. Until
// gnome-keyring 42 has replied to it, it may not know about the new client: SearchItems would fail,
// and OpenSession would crash it. The bus itself replies who owns the name of KeePassXC.
// These calls are sent with one write.
func (b *bus) hello() error {
	if err := b.socket.authenticate(b.conn); err != nil {
		return fmt.Errorf("session bus: %w", err)
	}
	hello := b.callBus("Hello")
	first := b.call(ssPath, ssService+".ReadAlias", "aws-credproc")
	named := b.callBus("GetNameOwner", keePassXC)
	b.socket.flush()
	if err := (<-hello.Done).Err; err != nil {
		return fmt.Errorf("session bus: %w", err)
	}
	b.answered(false)
	var path dbus.ObjectPath
	if err := first(&path); err != nil {
		if errors.Is(err, errNoService) && b.isActivatable() {
			return ErrNotStarted
		}
		return err
	}
	var owner string
	b.isKeePassXC = (<-named.Done).Store(&owner) == nil && owner == b.service
	return nil
}

// callBus sends a call to the bus itself.
func (b *bus) callBus(method string, args ...any) *dbus.Call {
	return b.conn.BusObject().Go(dbusName+"."+method, 0, make(chan *dbus.Call, 1), args...)
}

// close closes the connection, which also ends the Secret Service session. It ignores the error,
// which only means that the connection was already closed.
func (b *bus) close() { _ = b.conn.Close() }

func (b *bus) call(path dbus.ObjectPath, method string, args ...any) reply {
	done := make(chan *dbus.Call, 1)
	call := b.conn.Object(ssName, path).Go(method, dbus.FlagNoAutoStart, done, args...)
	return func(results ...any) error {
		<-call.Done
		if call.Err == nil ||
			errors.As(call.Err, new(dbus.Error)) { // an error reply, not a lost connection
			b.answered(true)
		}
		if err := call.Store(results...); err != nil {
			return translate(err)
		}
		return nil
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
	var e dbus.Error
	if !errors.As(err, &e) {
		return fmt.Errorf("session bus: %w", err)
	}
	other := serviceError{printable.Clean(e.Name, 128), printable.Clean(e.Error(), 256)}
	switch e.Name {
	case "org.freedesktop.DBus.Error.NameHasNoOwner", "org.freedesktop.DBus.Error.ServiceUnknown":
		return errNoService
	case "org.freedesktop.DBus.Error.AccessDenied": // in a sandbox
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
		"org.freedesktop.DBus.Error.UnknownObject",
		"org.freedesktop.DBus.Error.UnknownMethod",
	}, e.name)
}
