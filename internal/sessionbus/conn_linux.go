// Package sessionbus is a client of the D-Bus session bus of this user. It imports little, so that
// credproc/warm can read a session from the keyring before most of the program is initialized.
// See docs/decisions/dbus.md.
package sessionbus

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
)

// Conn is a connection to the session bus. Only Close is safe for concurrent use.
type Conn struct {
	file    *os.File
	stop    func() bool // of the context
	in, out []byte      // received, but not yet read; and not yet sent
	serial  uint32      // of the last call
	replies map[uint32]message
	signals []Signal
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
	c := &Conn{file: file, replies: map[uint32]message{}}
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
			return err
		}
		c.in = c.in[:len(c.in)+got]
	}
	return nil
}

// Call is a call whose reply has not been read.
type Call struct {
	conn   *Conn
	serial uint32
}

// Call calls a method, whose name includes its interface, with arguments of the types in this
// package. It starts no service. The call is sent when a reply to any call is waited for.
func (c *Conn) Call(destination string, path ObjectPath, method string, args ...any) Call {
	c.serial++
	dot := strings.LastIndexByte(method, '.')
	c.out = appendCall(c.out, c.serial, destination, path, method[:dot], method[dot+1:], args)
	return Call{c, c.serial}
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
	c := call.conn
	for {
		if m, ok := c.replies[call.serial]; ok {
			delete(c.replies, call.serial)
			if m.kind == typeError {
				return m.sender, m.asError()
			}
			return m.sender, m.store(results)
		}
		if err := c.receive(); err != nil {
			return "", err
		}
	}
}

func (m *message) asError() Error {
	e := Error{Name: m.errorName}
	if strings.HasPrefix(string(m.signature), "s") {
		_ = m.store([]any{&e.Text}) // a malformed text is none
	}
	return e
}

// Signal is a signal that was received.
type Signal struct {
	Sender string
	Path   ObjectPath
	Name   string // with its interface

	message message
}

// Store stores the first values of a signal in the results, as [Call.Wait] does.
func (s Signal) Store(results ...any) error { return s.message.store(results) }

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
			return err
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
	m, err := decodeMessage(c.in[:size:size])
	if err != nil {
		return err
	}
	c.in = c.in[size:]
	switch m.kind {
	case typeReply, typeError:
		if m.replySerial <= c.serial {
			c.replies[m.replySerial] = m
		}
	case typeSignal:
		if len(c.signals) < maxSignals {
			c.signals = append(c.signals, Signal{m.sender, m.path, m.iface + "." + m.member, m})
		}
	}
	return nil
}
