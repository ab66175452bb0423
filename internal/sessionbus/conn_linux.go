// Package sessionbus is a client of the D-Bus session bus of this user. It imports little, so that
// credproc/warm can read a session from the keyring before most of the program is initialized.
// See docs/decisions/dbus.md.
package sessionbus

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"
)

// Conn is a connection to the session bus. Only Close is safe for concurrent use.
type Conn struct {
	file *os.File
	stop func() bool // stops waiting for the end of the context
	in   []byte      // was received, and is not decoded yet
	out  []byte      // is to be sent

	serial  uint32              // of the last call
	replies map[uint32]*message // by the serial of a call; nil until the reply has come
	signals []Signal            // that Signal has not returned
	keeps   bool                // signals are kept
}

// Name is the name of the bus itself.
const Name = "org.freedesktop.DBus"

// Open connects to the session bus: to the first address of DBUS_SESSION_BUS_ADDRESS at which a bus
// of this user listens, or, if that variable is empty, to the socket "bus" in XDG_RUNTIME_DIR. The
// error wraps [keyringapi.ErrUnavailable] if there is no such bus, and [ErrAuth] if the bus refuses
// this user. Open does not start a bus, and sends nothing to a process of another user.
//
// The first call must be that of Hello. The connection is closed when the context ends.
func Open(ctx context.Context) (*Conn, error) {
	file, err := dial(ctx)
	if err != nil {
		return nil, err
	}
	c := &Conn{file: file, replies: map[uint32]*message{}}
	c.stop = context.AfterFunc(ctx, c.closeFile)
	if err := c.authenticate(); err != nil {
		c.Close()
		return nil, fmt.Errorf("session bus: %w", err)
	}
	return c, nil
}

// Close closes the connection. It ignores the error, which only means that it was already closed.
func (c *Conn) Close() {
	c.stop()
	c.closeFile()
}

func (c *Conn) closeFile() { _ = c.file.Close() }

// ErrAuth means that the bus has not authenticated this user.
var ErrAuth = errors.New("authentication failed")

// authenticate reads the answers to the request for authentication. The end of the authentication is
// sent with the first calls, since xdg-dbus-proxy expects nothing from the bus after it but messages.
// https://dbus.freedesktop.org/doc/dbus-specification.html#auth-protocol
func (c *Conn) authenticate() error {
	for _, want := range []string{"DATA", "OK "} {
		line, err := c.readLine()
		if err != nil {
			return err
		}
		if !bytes.HasPrefix(line, []byte(want)) {
			return ErrAuth
		}
	}
	c.out = []byte("BEGIN\r\n")
	return nil
}

func (c *Conn) readLine() ([]byte, error) {
	const longest = 4096
	for {
		if line, rest, ok := bytes.Cut(c.in, []byte("\n")); ok {
			c.in = rest
			return line, nil
		}
		if len(c.in) > longest {
			return nil, ErrAuth
		}
		if err := c.read(len(c.in) + 1); err != nil {
			return nil, err
		}
	}
}

// read reads until in has n bytes.
func (c *Conn) read(n int) error {
	for len(c.in) < n {
		if cap(c.in)-len(c.in) < 512 {
			c.in = append(make([]byte, 0, 2*len(c.in)+4096), c.in...)
		}
		got, err := c.file.Read(c.in[len(c.in):cap(c.in)])
		if err != nil {
			return connectionError(err)
		}
		c.in = c.in[:len(c.in)+got]
	}
	return nil
}

// errClosed means that the bus has ended, or refuses this connection.
var errClosed = errors.New("the bus has closed the connection")

// connectionError returns the error of a read or write without the name of the connection.
func connectionError(err error) error {
	var e *fs.PathError
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return errClosed
	case errors.As(err, &e):
		return e.Err
	}
	return err
}

// Call is a call whose reply has not been waited for.
type Call struct {
	conn   *Conn
	serial uint32
	err    error // why it is not sent
}

// Call calls a method, whose name includes its interface, with arguments of the types in this
// package. It starts no service. All calls are sent when the reply to one of them is waited for.
func (c *Conn) Call(destination string, path ObjectPath, method string, args ...any) Call {
	dot := strings.LastIndexByte(method, '.')
	out, err := appendCall(c.out, c.serial+1, destination, path, method[:dot], method[dot+1:], args)
	if err != nil {
		return Call{err: err}
	}
	c.serial++
	c.out, c.replies[c.serial] = out, nil
	return Call{conn: c, serial: c.serial}
}

// CallBus calls a method of the bus itself.
func (c *Conn) CallBus(method string, args ...any) Call {
	return c.Call(Name, "/org/freedesktop/DBus", Name+"."+method, args...)
}

// Error is an error reply.
type Error struct{ Name, Text string }

func (e Error) Error() string { return e.Name + ": " + e.Text }

// Wait waits for the reply to a call, once, and stores its first values in the results: pointers,
// a [Struct] of them, or nil for a value that is not needed. It returns the name of the connection
// that sent the reply. The error is an [Error] if that is an error reply.
func (call Call) Wait(results ...any) (sender string, err error) {
	if call.err != nil {
		return "", call.err
	}
	c := call.conn
	for c.replies[call.serial] == nil {
		if err := c.receive(); err != nil {
			return "", err
		}
	}
	m := c.replies[call.serial]
	delete(c.replies, call.serial)
	if m.kind == typeError {
		return m.sender, m.asError()
	}
	return m.sender, m.store(results)
}

// asError returns an error reply. It may have a text.
func (m *message) asError() Error {
	var text string
	if m.store([]any{&text}) != nil {
		text = ""
	}
	return Error{m.errorName, text}
}

// Signal is a signal that was received.
type Signal struct {
	Sender string
	Path   ObjectPath
	Name   string // with its interface

	message *message
}

// Store stores the first values of a signal in the results, as [Call.Wait] does.
func (s Signal) Store(results ...any) error { return s.message.store(results) }

// Subscribe asks the bus for the signals that match a rule. Signals before are discarded.
// https://dbus.freedesktop.org/doc/dbus-specification.html#message-bus-routing-match-rules
func (c *Conn) Subscribe(rule string) Call {
	c.keeps = true
	return c.CallBus("AddMatch", rule)
}

// Signal waits for the next signal.
func (c *Conn) Signal() (Signal, error) {
	for len(c.signals) == 0 {
		if err := c.receive(); err != nil {
			return Signal{}, err
		}
	}
	s := c.signals[0]
	c.signals = c.signals[1:]
	return s, nil
}

// maxSignals is how many signals are kept. Those after them are lost.
const maxSignals = 64

// receive sends the calls that have not been sent, and receives a message.
func (c *Conn) receive() error {
	if len(c.out) > 0 {
		if _, err := c.file.Write(c.out); err != nil {
			return connectionError(err)
		}
		c.out = nil
	}
	if err := c.read(fixedHeader); err != nil {
		return err
	}
	size, err := messageSize(c.in)
	if err == nil {
		err = c.read(size)
	}
	if err != nil {
		return err
	}
	m, err := decodeMessage(c.in[:size])
	if err != nil {
		return err
	}
	c.in = c.in[size:]
	switch m.kind {
	case typeReply, typeError:
		if reply, isCalled := c.replies[m.replySerial]; isCalled && reply == nil {
			c.replies[m.replySerial] = m
		}
	case typeSignal:
		if c.keeps && len(c.signals) < maxSignals {
			c.signals = append(c.signals, Signal{m.sender, m.path, m.iface + "." + m.member, m})
		}
	}
	return nil
}
