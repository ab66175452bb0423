package credserver

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// TestSocketOwner: of an open connection, from an IPv4 and an IPv6 socket, of a closed one, and of
// none.
func TestSocketOwner(t *testing.T) {
	l, err := net.Listen("tcp4", Loopback+":0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	server := l.Addr().(*net.TCPAddr)
	conn, err := net.Dial("tcp", server.String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	uid, err := socketOwner(conn.LocalAddr().(*net.TCPAddr), server)
	if err != nil || int(uid) != os.Getuid() {
		t.Errorf("uid %d, error %v", uid, err)
	}

	accepted, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer accepted.Close()
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	// The kernel still has the socket, since accepted is open, and reports the user 0.
	_, err = socketOwner(conn.LocalAddr().(*net.TCPAddr), server)
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("closed: error %v", err)
	}

	fd, err := unix.Socket(unix.AF_INET6, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Skipf("SKIPPED: no IPv6 sockets: %v", err)
	}
	defer unix.Close(fd)
	mapped := unix.SockaddrInet6{Port: server.Port}
	copy(mapped.Addr[:], net.ParseIP(Loopback).To16())
	if err := unix.Connect(fd, &mapped); err != nil {
		t.Fatal(err)
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	client := &net.TCPAddr{IP: net.ParseIP(Loopback), Port: name.(*unix.SockaddrInet6).Port}
	if uid, err := socketOwner(client, server); err != nil || int(uid) != os.Getuid() {
		t.Errorf("mapped: uid %d, error %v", uid, err)
	}

	client.Port = 1
	if _, err := socketOwner(client, server); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no socket: error %v", err)
	}
}

// A connection whose client has gone shows no user. It may have been another user's.
func TestPeerThatHasGoneIsNotAllowed(t *testing.T) {
	l, err := net.Listen("tcp4", Loopback+":0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer accepted.Close()
	if uid, isAllowed := peer(accepted); !isAllowed || int(uid) != os.Getuid() {
		t.Errorf("open: uid %d, allowed %v", uid, isAllowed)
	}
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	if uid, isAllowed := peer(accepted); isAllowed {
		t.Errorf("closed: uid %d is allowed", uid)
	}
}

// TestPeerOverIPv6: the kernel reports the user of an IPv6 connection too.
func TestPeerOverIPv6(t *testing.T) {
	l, err := net.Listen("tcp6", "[::1]:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	conn, err := net.Dial("tcp6", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	accepted, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer accepted.Close()
	if uid, isAllowed := peer(accepted); int(uid) != os.Getuid() || !isAllowed {
		t.Errorf("user %d, allowed %v", uid, isAllowed)
	}
}

func FuzzSocketOwner(f *testing.F) {
	f.Add(make([]byte, headerSize+answerSize))
	f.Fuzz(func(t *testing.T, m []byte) {
		if _, err := parseOwner(m); err == nil && len(m) < headerSize+answerSize {
			t.Errorf("a message of %d bytes", len(m))
		}
	})
}
