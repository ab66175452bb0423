package credserver

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"syscall"

	"aws-credproc/internal/diag"
)

// Loopback is the address that a [Server] listens on by default.
const Loopback = "127.0.0.1"

// links are the networks of the addresses that SDKs accept besides loopback. Routers do not forward
// packets to or from the first; the second is a private network of container hosts.
var links = []struct{ address, network string }{
	{"169.254.170.2", "169.254.0.0/16"},  // Amazon ECS
	{"169.254.170.23", "169.254.0.0/16"}, // Amazon EKS Pod Identity
	{"fd00:ec2::23", "fd00:ec2::/64"},    // Amazon EKS Pod Identity
}

// CheckAddress returns an error for an address that SDKs do not accept without TLS, or that other
// machines can reach.
//
// https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html
func CheckAddress(a netip.Addr) error {
	if a.Zone() != "" || !a.IsLoopback() && linkOf(a) == (netip.Prefix{}) {
		return fmt.Errorf("%s is not an address that SDKs accept: 127.0.0.1, ::1, 169.254.170.2, "+
			"169.254.170.23 or fd00:ec2::23", a)
	}
	return nil
}

// linkOf returns the network of one of the addresses of links, or the zero value.
func linkOf(a netip.Addr) netip.Prefix {
	for _, l := range links {
		if a == netip.MustParseAddr(l.address) {
			return netip.MustParsePrefix(l.network)
		}
	}
	return netip.Prefix{}
}

// allows reports whether a connection may send requests. To a loopback address, it must come from
// this machine and, on Linux, from this user or root, unless AnyUser is set. To another address, it
// must come from the same link: its processes are in other containers, and the kernel does not
// report their user.
func (s *Server) allows(conn net.Conn) bool {
	tcp, ok := conn.RemoteAddr().(*net.TCPAddr)
	if !ok {
		return false
	}
	from := tcp.AddrPort().Addr().Unmap()
	if link := linkOf(s.Address.Addr()); link != (netip.Prefix{}) {
		return link.Contains(from)
	}
	if !from.IsLoopback() || s.AnyUser {
		return from.IsLoopback()
	}
	uid, isAllowed := peer(conn)
	if !isAllowed && s.Refused != nil && uid != noUser {
		s.Refused(uid)
	}
	return isAllowed
}

// noUser is the result of peer where the user is not known.
const noUser = ^uint32(0)

// listenError returns the error of a failed listen.
func listenError(a netip.AddrPort, err error) error {
	e := &diag.Error{Where: "cannot open the credentials endpoint", Err: err}
	if op := (*net.OpError)(nil); errors.As(err, &op) {
		e.Err = op.Err
	}
	e.Problem = fmt.Sprintf("cannot listen on %s", a)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		e.Problem += ": another program listens there"
		e.Hint = "use another port, or 0 for a free one"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		e.Problem += ": this machine does not have the address"
		if linkOf(a.Addr()) != (netip.Prefix{}) {
			e.Hint = fmt.Sprintf("add it: ip addr add %s dev lo", netip.PrefixFrom(a.Addr(), a.Addr().BitLen()))
		}
	case errors.Is(err, fs.ErrPermission):
		e.Problem += ": permission denied"
		e.Hint = "use a port of 1024 or more"
	default:
		e.Problem += ": " + e.Err.Error()
	}
	return e
}

// IsOwn reports whether a connection from this machine is one of this user or root. Where the system
// does not tell, it returns true.
func IsOwn(conn net.Conn) bool {
	_, isAllowed := peer(conn)
	return isAllowed
}
