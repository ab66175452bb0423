package keyring

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// errNoBus: nothing listens at the address of the session bus.
var errNoBus = fmt.Errorf("%w: no D-Bus session bus", ErrUnavailable)

// overflowUID is the user ID of every user that the user namespace of this process does not map.
const overflowUID = 65534

// checkOwner returns an error wrapping ErrOtherUser for every user ID except self, that of this
// process.
func checkOwner(uid, self uint32) error {
	if uid == self && uid != overflowUID {
		return nil
	}
	return fmt.Errorf("%w (uid %d)", ErrOtherUser, uid)
}

// dialSessionBus connects to the session bus: to the first address of DBUS_SESSION_BUS_ADDRESS at
// which a bus of this user listens, or, if that variable is empty, to the socket "bus" in
// XDG_RUNTIME_DIR. The error wraps ErrUnavailable if there is no such bus. It does not start a bus.
func dialSessionBus(ctx context.Context) (*net.UnixConn, error) {
	addresses := os.Getenv("DBUS_SESSION_BUS_ADDRESS")
	if addresses == "" {
		return dialRuntimeBus(ctx, os.Getenv("XDG_RUNTIME_DIR"))
	}
	if len(addresses) > maxAddress || strings.Count(addresses, ";") >= maxAddresses {
		return nil, fmt.Errorf("%w: DBUS_SESSION_BUS_ADDRESS is too long", ErrUnavailable)
	}
	var failure error
	for address := range strings.SplitSeq(addresses, ";") {
		if address == "" {
			continue
		}
		conn, err := dialAddress(ctx, address)
		if err == nil || ctx.Err() != nil {
			return conn, err
		}
		if failure == nil || errors.Is(err, ErrOtherUser) {
			failure = err
		}
	}
	if failure == nil {
		failure = errNoBus
	}
	return nil, failure
}

func dialAddress(ctx context.Context, address string) (*net.UnixConn, error) {
	socket, err := parseAddress(address)
	if err != nil {
		return nil, fmt.Errorf("%w: DBUS_SESSION_BUS_ADDRESS: %w", ErrUnavailable, err)
	}
	return dialOwn(ctx, socket)
}

// dialRuntimeBus connects to the socket "bus" of a runtime directory. It first checks the file,
// because another user may be able to write to the directory.
func dialRuntimeBus(ctx context.Context, dir string) (*net.UnixConn, error) {
	if !filepath.IsAbs(dir) {
		return nil, errNoBus
	}
	path := filepath.Join(dir, "bus")
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return nil, errNoBus
	case err != nil:
		return nil, fmt.Errorf("session bus: %w", err)
	case info.Mode().Type() != fs.ModeSocket:
		return nil, fmt.Errorf("%w: $XDG_RUNTIME_DIR/bus is not a socket", ErrUnavailable)
	}
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		if err := checkOwner(stat.Uid, uint32(os.Geteuid())); err != nil {
			return nil, err
		}
	}
	return dialOwn(ctx, path)
}

// dialOwn connects to a unix socket if the process that listens on it runs as this user. The name
// of the socket is in the form that parseAddress returns. It sends nothing.
func dialOwn(ctx context.Context, socket string) (*net.UnixConn, error) {
	conn, err := dial(ctx, socket)
	switch {
	case err == nil:
	case errors.Is(err, syscall.ENOENT), errors.Is(err, syscall.ECONNREFUSED),
		errors.Is(err, syscall.ENOTDIR):
		return nil, errNoBus
	default:
		return nil, fmt.Errorf("session bus: %w", err)
	}
	uid, err := listener(conn)
	if err == nil {
		err = checkOwner(uid, uint32(os.Geteuid()))
	}
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return conn, nil
}

func dial(ctx context.Context, socket string) (*net.UnixConn, error) {
	for {
		conn, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: socket, Net: "unix"})
		if !errors.Is(err, syscall.EAGAIN) {
			return conn, err
		}
		// The listen queue of the bus is full. There is no way to wait for space in it, so retry.
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(2 * time.Millisecond):
		}
	}
}

// listener returns the user ID of the process that listens at the other end of a connection
// (SO_PEERCRED, unix(7)).
func listener(conn *net.UnixConn) (uid uint32, err error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0, fmt.Errorf("session bus: %w", err)
	}
	var creds *syscall.Ucred
	var credsErr error
	err = raw.Control(func(fd uintptr) {
		creds, credsErr = syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	})
	if err := errors.Join(err, credsErr); err != nil {
		return 0, fmt.Errorf("session bus: user of the other end: %w", err)
	}
	return creds.Uid, nil
}
