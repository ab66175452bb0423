package keyring

import (
	"bufio"
	"net"
	"sync"
)

// bufferedConn is a connection that uses few system calls: a read takes what there is, and between
// hold and flush, writes are collected. Each write would also wake up the bus.
type bufferedConn struct {
	*net.UnixConn
	in *bufio.Reader

	mu      sync.Mutex
	held    bool
	pending []byte
}

func newBufferedConn(conn *net.UnixConn) *bufferedConn {
	return &bufferedConn{UnixConn: conn, in: bufio.NewReader(conn)}
}

// Read sends the collected writes first, because the other end may be waiting for them.
func (c *bufferedConn) Read(p []byte) (int, error) {
	c.mu.Lock()
	c.send()
	c.mu.Unlock()
	return c.in.Read(p)
}

func (c *bufferedConn) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.held {
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

func (c *bufferedConn) flush() {
	c.mu.Lock()
	c.held = false
	c.send()
	c.mu.Unlock()
}

// send sends the collected writes. If that fails, it closes the connection, which ends every call.
// The caller holds mu.
func (c *bufferedConn) send() {
	if len(c.pending) == 0 {
		return
	}
	if _, err := c.UnixConn.Write(c.pending); err != nil {
		_ = c.UnixConn.Close()
	}
	c.pending = nil
}
