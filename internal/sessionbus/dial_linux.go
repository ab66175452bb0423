package sessionbus

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"time"

	"aws-credproc/internal/keyringapi"
	"aws-credproc/internal/ospath"
)

// errNoBus: nothing listens at the address of the session bus.
var errNoBus = fmt.Errorf("%w: no D-Bus session bus", keyringapi.ErrUnavailable)

// overflowUID is the user ID of every user that the user namespace of this process does not map.
const overflowUID = 65534

// request asks the bus to authenticate the user of this process, whom it knows from the socket.
// https://dbus.freedesktop.org/doc/dbus-specification.html#auth-protocol
const request = "\x00AUTH EXTERNAL\r\nDATA\r\n"

// dial connects to the session bus, see [Open], and sends the request.
func dial(ctx context.Context) (*os.File, error) {
	addresses := os.Getenv("DBUS_SESSION_BUS_ADDRESS")
	if addresses == "" {
		return dialRuntimeBus(ctx, os.Getenv("XDG_RUNTIME_DIR"))
	}
	if len(addresses) > maxAddresses {
		return nil, fmt.Errorf("%w: DBUS_SESSION_BUS_ADDRESS has more than %d bytes",
			keyringapi.ErrUnavailable, maxAddresses)
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
		if failure == nil || errors.Is(err, keyringapi.ErrOtherUser) {
			failure = err
		}
	}
	if failure == nil {
		failure = errNoBus
	}
	return nil, failure
}

func dialAddress(ctx context.Context, address string) (*os.File, error) {
	socket, err := parseAddress(address)
	if err != nil {
		return nil, fmt.Errorf("%w: DBUS_SESSION_BUS_ADDRESS: %w", keyringapi.ErrUnavailable, err)
	}
	return dialOwn(ctx, socket)
}

// dialRuntimeBus connects to the socket "bus" of a runtime directory. It first checks the file,
// because another user may be able to write to the directory.
func dialRuntimeBus(ctx context.Context, dir string) (*os.File, error) {
	if !ospath.IsAbs(dir) {
		return nil, errNoBus
	}
	path := ospath.Join(dir, "bus")
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return nil, errNoBus
	case err != nil:
		return nil, fmt.Errorf("session bus: %w", err)
	case info.Mode().Type() != fs.ModeSocket:
		return nil, fmt.Errorf("%w: $XDG_RUNTIME_DIR/bus is not a socket", keyringapi.ErrUnavailable)
	}
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		if err := checkOwner(stat.Uid, uint32(os.Geteuid())); err != nil {
			return nil, err
		}
	}
	return dialOwn(ctx, path)
}

// dialOwn connects to a unix socket if the process that listens on it runs as this user. The name
// of the socket is in the form that parseAddress returns.
func dialOwn(ctx context.Context, socket string) (*os.File, error) {
	fd, err := syscall.Socket(syscall.AF_UNIX,
		syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC|syscall.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("session bus: %w", os.NewSyscallError("socket", err))
	}
	err = connect(ctx, fd, socket)
	if err == nil {
		err = checkListener(fd)
	}
	if err != nil {
		_ = syscall.Close(fd)
		return nil, err
	}
	conn := os.NewFile(uintptr(fd), "session bus")
	if _, err := conn.WriteString(request); err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("session bus: %w", err)
	}
	return conn, nil
}

func connect(ctx context.Context, fd int, socket string) error {
	for {
		switch err := syscall.Connect(fd, &syscall.SockaddrUnix{Name: socket}); err {
		case nil:
			return nil
		case syscall.EINTR:
		case syscall.EAGAIN:
			// The listen queue of the bus is full. There is no way to wait for space in it, so retry.
			select {
			case <-ctx.Done():
				return context.Cause(ctx)
			case <-time.After(2 * time.Millisecond):
			}
		case syscall.ENOENT, syscall.ECONNREFUSED, syscall.ENOTDIR:
			return errNoBus
		default:
			return fmt.Errorf("session bus: %w", os.NewSyscallError("connect", err))
		}
	}
}

// checkListener returns an error if the process that listens at the other end of a connection does
// not run as this user (SO_PEERCRED, unix(7)).
func checkListener(fd int) error {
	creds, err := syscall.GetsockoptUcred(fd, syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	if err != nil {
		return fmt.Errorf("session bus: user of the other end: %w", err)
	}
	return checkOwner(creds.Uid, uint32(os.Geteuid()))
}

// checkOwner returns an error wrapping [keyringapi.ErrOtherUser] for every user ID except self,
// that of this process.
func checkOwner(uid, self uint32) error {
	if uid == self && uid != overflowUID {
		return nil
	}
	return fmt.Errorf("%w (uid %d)", keyringapi.ErrOtherUser, uid)
}
