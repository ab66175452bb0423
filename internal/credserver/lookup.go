package credserver

import (
	"context"
	"fmt"
	"time"
)

// lookup is a call of Options.Lookup that concurrent requests share.
type lookup struct {
	done        chan struct{} // closed when there is a result
	credentials Credentials
	err         error
}

// shared returns the result of the current lookup, and starts one if there is none. The lookup
// continues after ctx has ended: an SDK waits a second or two and then asks again, while STS may
// take longer.
func (s *Server) shared(ctx context.Context) (Credentials, error) {
	s.mu.Lock()
	l := s.inflight
	if l == nil {
		l = &lookup{done: make(chan struct{})}
		s.inflight = l
		go s.run(l)
	}
	s.mu.Unlock()
	select {
	case <-l.done:
		return l.credentials, l.err
	case <-ctx.Done():
		return Credentials{}, ctx.Err()
	}
}

func (s *Server) run(l *lookup) {
	ctx, cancel := context.WithTimeout(context.Background(), s.Timeout)
	defer cancel()
	found := make(chan lookup, 1)
	go func() {
		c, err := s.Lookup(ctx)
		found <- lookup{credentials: c, err: err}
	}()
	select {
	case f := <-found:
		l.credentials, l.err = f.credentials, f.err
	case <-time.After(s.Timeout + s.Grace): // the lookup ignores its context
		l.err = fmt.Errorf("timed out after %s", s.Timeout)
	}
	s.mu.Lock()
	s.inflight = nil
	s.mu.Unlock()
	close(l.done)
}
