package credserver

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// Lookup returns credentials.
type Lookup func(context.Context) (Credentials, error)

// inflight are the lookups that run, by path.
type inflight struct {
	mu     sync.Mutex
	byPath map[string]*call
}

// call is a call of a Lookup that concurrent requests share.
type call struct {
	done        chan struct{} // closed when there is a result
	credentials Credentials
	err         error
}

// shared returns the result of the current lookup of a path, and starts one if there is none. The
// lookup continues after ctx has ended: an SDK waits a second or two and then asks again, while STS
// may take longer.
func (s *Server) shared(ctx context.Context, path string, lookup Lookup) (Credentials, error) {
	s.inflight.mu.Lock()
	c := s.inflight.byPath[path]
	if c == nil {
		c = &call{done: make(chan struct{})}
		if s.inflight.byPath == nil {
			s.inflight.byPath = map[string]*call{}
		}
		s.inflight.byPath[path] = c
		go s.run(c, path, lookup)
	}
	s.inflight.mu.Unlock()
	select {
	case <-c.done:
		return c.credentials, c.err
	case <-ctx.Done():
		return Credentials{}, ctx.Err()
	}
}

func (s *Server) run(c *call, path string, lookup Lookup) {
	ctx, cancel := context.WithTimeout(context.Background(), s.Timeout)
	defer cancel()
	found := make(chan call, 1)
	go func() {
		credentials, err := lookup(ctx)
		found <- call{credentials: credentials, err: err}
	}()
	select {
	case f := <-found:
		c.credentials, c.err = f.credentials, f.err
	case <-time.After(s.Timeout + s.Grace): // the lookup ignores its context
		c.err = fmt.Errorf("timed out after %s", s.Timeout)
	}
	s.inflight.mu.Lock()
	delete(s.inflight.byPath, path)
	s.inflight.mu.Unlock()
	close(c.done)
}
