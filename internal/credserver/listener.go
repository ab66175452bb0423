package credserver

import (
	"net"
	"slices"
	"sync"
)

// guardedListener closes connections that are not allowed. It limits the number of connections that
// have not shown the token.
type guardedListener struct {
	net.Listener
	limited *unauthenticated
	allows  func(net.Conn) bool
}

func (l guardedListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if l.allows(conn) {
			l.limited.add(conn)
			return conn, nil
		}
		_ = conn.Close()
	}
}

// maxUnauthenticated is the number of connections that may be open without having shown the token.
const maxUnauthenticated = 64

// unauthenticated are the open connections that have not shown the token.
type unauthenticated struct {
	mu   sync.Mutex
	open []net.Conn // the oldest first
}

// add adds a connection. It closes the oldest one if there are too many: a client shows the token
// at once, so that the oldest connections are idle.
func (s *unauthenticated) add(c net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.open) == maxUnauthenticated {
		_ = s.open[0].Close()
		s.open = slices.Delete(s.open, 0, 1)
	}
	s.open = append(s.open, c)
}

// remove removes a connection that has shown the token or was closed.
func (s *unauthenticated) remove(c net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := slices.Index(s.open, c); i >= 0 {
		s.open = slices.Delete(s.open, i, i+1)
	}
}

// trustKey is the context key of a function that marks a request's connection as authenticated.
type trustKey struct{}
