package sessionbus

import (
	"context"
	"errors"
	"io"
	"net"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"aws-credproc/internal/keyringapi"
)

// listen listens at the address of the session bus.
func listen(t *testing.T) *net.UnixListener {
	t.Helper()
	path := filepath.Join(t.TempDir(), "bus")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path="+path)
	return l
}

// received accepts a connection and returns what its client has sent.
func received(t *testing.T, l net.Listener) string {
	t.Helper()
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	b := make([]byte, len(request)+1)
	n, err := conn.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	return string(b[:n])
}

func TestDial(t *testing.T) {
	l := listen(t)
	conn, err := dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if got := received(t, l); got != request {
		t.Errorf("received %q", got)
	}
	if n, err := conn.Read(make([]byte, 1)); n > 0 || err != io.EOF {
		t.Errorf("after the bus has ended: %d, %v", n, err)
	}
}

// A deadline ends a read, so that a bus that does not respond cannot block the process.
func TestDialedConnectionHasDeadlines(t *testing.T) {
	listen(t)
	conn, err := dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now()); err != nil {
		t.Error(err)
	}
}

// A bus whose listen queue is full is tried again.
func TestFullListenQueue(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bus")
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(fd)
	if err := errors.Join(syscall.Bind(fd, &syscall.SockaddrUnix{Name: path}),
		syscall.Listen(fd, 0)); err != nil {
		t.Fatal(err)
	}
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path="+path)
	inQueue, err := dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer inQueue.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := dial(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	dialed := make(chan error)
	go func() {
		conn, err := dial(t.Context())
		if err == nil {
			_ = conn.Close()
		}
		dialed <- err
	}()
	if n, _, err := syscall.Accept(fd); err != nil {
		t.Fatal(err)
	} else {
		defer syscall.Close(n)
	}
	if err := <-dialed; err != nil {
		t.Error(err)
	}
}

// Users that the namespace of the process does not map all have one ID, which may be its own.
func TestUnmappedUserIsAnotherUser(t *testing.T) {
	if err := checkOwner(1000, 1000); err != nil {
		t.Error(err)
	}
	for _, ids := range [][2]uint32{{overflowUID, overflowUID}, {overflowUID, 1000}, {1001, 1000}} {
		if err := checkOwner(ids[0], ids[1]); !errors.Is(err, keyringapi.ErrOtherUser) {
			t.Errorf("%v: %v", ids, err)
		}
	}
}
