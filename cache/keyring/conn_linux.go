package keyring

import (
	"bufio"
	"bytes"
	"errors"
	"net"
	"sync"

	"github.com/godbus/dbus/v5"
)

// bufferedConn is a connection that uses few system calls: a read takes what there is, and between
// hold and flush, writes are collected. Each write would also wake up the bus.
type bufferedConn struct {
	*net.UnixConn
	in *bufio.Reader

	mu      sync.Mutex
	held    bool
	pending []byte

	// While the client authenticates, its writes are ignored, and it reads script.
	scripted bool
	script   []byte
	answered bool // the bus has answered the authentication
	authErr  error
}

func newBufferedConn(conn *net.UnixConn) *bufferedConn {
	return &bufferedConn{UnixConn: conn, in: bufio.NewReader(conn)}
}

// authenticate authenticates as the user of this process, whom the bus knows from the socket. It
// holds the connection and does not wait for the bus, so that the first calls are sent with the
// same write, as sd-bus does. The client would wait three times for an answer. If the bus refuses,
// the first call fails, and authErr is set.
// https://dbus.freedesktop.org/doc/dbus-specification.html#auth-protocol
func (c *bufferedConn) authenticate(client *dbus.Conn) error {
	c.hold()
	c.scripted, c.script = true, []byte("REJECTED EXTERNAL\r\nOK 0\r\n")
	err := client.Auth([]dbus.Auth{external{}})
	c.scripted = false
	c.pending = append([]byte("\x00AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n"), c.pending...)
	return err
}

// external is the mechanism that authenticate names in its script.
type external struct{}

func (external) FirstData() ([]byte, []byte, dbus.AuthStatus) {
	return []byte("EXTERNAL"), nil, dbus.AuthOk
}

func (external) HandleData([]byte) ([]byte, dbus.AuthStatus) { return nil, dbus.AuthError }

var errAuth = errors.New("authentication failed")

// readAuth reads the answers of the bus to the lines that authenticate has sent.
func (c *bufferedConn) readAuth() error {
	for _, want := range []string{"DATA", "OK "} {
		line, err := c.in.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) || err == nil && !bytes.HasPrefix(line, []byte(want)) {
			err = errAuth
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// authError returns why the authentication failed, or nil.
func (c *bufferedConn) authError() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.authErr
}

func (c *bufferedConn) Read(p []byte) (int, error) {
	if len(c.script) > 0 {
		n := copy(p, c.script)
		c.script = c.script[n:]
		return n, nil
	}
	if !c.answered {
		c.answered = true
		if err := c.readAuth(); err != nil {
			c.mu.Lock()
			c.authErr = err
			c.mu.Unlock()
			return 0, err
		}
	}
	return c.in.Read(p)
}

func (c *bufferedConn) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.scripted:
		return len(p), nil
	case c.held:
		c.pending = append(c.pending, p...)
		return len(p), nil
	}
	return c.UnixConn.Write(p)
}

// hold collects writes until flush is called.
func (c *bufferedConn) hold() {
	c.mu.Lock()
	c.held = true
	c.mu.Unlock()
}

// flush sends the collected writes. If that fails, it closes the connection, which ends every call.
func (c *bufferedConn) flush() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.held = false
	if len(c.pending) == 0 {
		return
	}
	if _, err := c.UnixConn.Write(c.pending); err != nil {
		_ = c.UnixConn.Close()
	}
	c.pending = nil
}
