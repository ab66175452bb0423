package keyring

import (
	"bufio"
	"bytes"
	"errors"
	"os"
	"sync"

	"github.com/godbus/dbus/v5"
)

// bufferedConn is a connection that uses few system calls: a read takes what there is, and between
// hold and flush, writes are collected. Each write would also wake up the bus.
type bufferedConn struct {
	*os.File
	in *bufio.Reader

	mu      sync.Mutex
	held    bool
	pending []byte

	// While the client authenticates, its writes are ignored, and it reads script.
	scripted bool
	script   []byte
}

func newBufferedConn(conn *os.File) *bufferedConn {
	return &bufferedConn{File: conn, in: bufio.NewReader(conn)}
}

// authenticate reads the answers to the request for authentication that [sessionbus.Dial] has sent
// with one write; the client would write and wait three times. The end of the authentication is sent
// with the first calls, since xdg-dbus-proxy expects nothing from the bus after it but messages.
// https://dbus.freedesktop.org/doc/dbus-specification.html#auth-protocol
func (c *bufferedConn) authenticate(client *dbus.Conn) error {
	for _, want := range []string{"DATA", "OK "} {
		line, err := c.in.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) || err == nil && !bytes.HasPrefix(line, []byte(want)) {
			err = errAuth
		}
		if err != nil {
			return err
		}
	}
	c.scripted, c.script = true, []byte("REJECTED EXTERNAL\r\nOK 0\r\n")
	err := client.Auth([]dbus.Auth{external{}})
	c.scripted = false
	c.hold()
	c.pending = []byte("BEGIN\r\n")
	return err
}

var errAuth = errors.New("authentication failed")

// external is the mechanism that authenticate names in its script.
type external struct{}

func (external) FirstData() ([]byte, []byte, dbus.AuthStatus) {
	return []byte("EXTERNAL"), nil, dbus.AuthOk
}

func (external) HandleData([]byte) ([]byte, dbus.AuthStatus) { return nil, dbus.AuthError }

func (c *bufferedConn) Read(p []byte) (int, error) {
	if len(c.script) > 0 {
		n := copy(p, c.script)
		c.script = c.script[n:]
		return n, nil
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
	return c.File.Write(p)
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
	if _, err := c.File.Write(c.pending); err != nil {
		_ = c.File.Close()
	}
	c.pending = nil
}
