package cache

import (
	"errors"
	"io/fs"
	"sync"

	"aws-credproc/cache/statedir"
)

// state is the state directory of a Cache, opened when it is first needed. If it cannot be used,
// there is one warning.
type state struct {
	path  string
	warnf func(format string, args ...any)

	mu        sync.Mutex
	dir       *statedir.Dir
	err       error // why the directory cannot be used; it has been reported
	creatable bool  // a directory that does not exist can be created
}

// open returns the state directory. Without create, the error wraps fs.ErrNotExist if there is
// none; any other error has been reported, and later calls return it too. A directory that was
// removed is reopened; existing handles stay valid.
func (s *state) open(create bool) (*statedir.Dir, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return nil, s.err
	}
	if s.dir != nil && !s.dir.IsRemoved() {
		return s.dir, nil
	}
	s.dir = nil
	openDir := statedir.Open
	if create {
		openDir = statedir.Create
	}
	d, err := openDir(s.path)
	if errors.Is(err, fs.ErrNotExist) && !create {
		return nil, err
	}
	if err != nil {
		s.failLocked(err)
		return nil, err
	}
	s.dir = d
	return d, nil
}

// check is open without create. The error wraps fs.ErrNotExist only if a directory can be created.
func (s *state) check() (*statedir.Dir, error) {
	d, err := s.open(false)
	if !errors.Is(err, fs.ErrNotExist) {
		return d, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.creatable {
		if err := statedir.CheckCreatable(s.path); err != nil {
			s.failLocked(err)
			return nil, err
		}
		s.creatable = true
	}
	return nil, err
}

// fail makes the state directory unusable.
func (s *state) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failLocked(err)
}

func (s *state) failLocked(err error) {
	if s.err == nil {
		s.err = err
		s.warnf("sessions are not cached: %v", err)
	}
}

func (s *state) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.dir
	s.dir, s.err = nil, fs.ErrClosed
	if d == nil {
		return nil
	}
	return d.Close()
}
