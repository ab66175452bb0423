package credserver

import (
	"net"
	"slices"
	"sync"
)

// guardedListener closes connections from other machines and, on Linux, from other users. It limits
// the number of connections that have not shown the token.
type guardedListener struct {
	net.Listener
	limited *strangers
}

func (l guardedListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		from, ok := conn.RemoteAddr().(*net.TCPAddr)
		if ok && from.IP.IsLoopback() && isAllowedPeer(conn) {
			l.limited.add(conn)
			return conn, nil
		}
		_ = conn.Close()
	}
}

// maxStrangers is the number of connections that may be open without having shown the token.
const maxStrangers = 64

// strangers are the open connections that have not shown the token.
type strangers struct {
	mu   sync.Mutex
	open []net.Conn // the oldest first
}

// add adds a connection. It closes the oldest one if there are too many: a client shows the token
// at once, so that the oldest connections are idle.
func (s *strangers) add(c net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.open) == maxStrangers {
		_ = s.open[0].Close()
		s.open = slices.Delete(s.open, 0, 1)
	}
	s.open = append(s.open, c)
}

// remove removes a connection that has shown the token or was closed.
func (s *strangers) remove(c net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := slices.Index(s.open, c); i >= 0 {
		s.open = slices.Delete(s.open, i, i+1)
	}
}

// trustKey is the context key of a function that removes a request's connection from strangers.
type trustKey struct{}
