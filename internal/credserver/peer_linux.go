package credserver

import (
	"encoding/binary"
	"errors"
	"io/fs"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// peer returns the user of the process at the other end of a loopback connection, and whether it is
// this user or root, who can read all that this user can. A peer that has already closed its socket
// is not allowed. If the kernel does not tell the user, the peer is allowed: it needs the token.
func peer(conn net.Conn) (uid uint32, isAllowed bool) {
	client, ok := conn.RemoteAddr().(*net.TCPAddr)
	server, isTCP := conn.LocalAddr().(*net.TCPAddr)
	if !ok || !isTCP {
		return noUser, true
	}
	uid, err := socketOwner(client, server)
	if err != nil {
		return noUser, !errors.Is(err, fs.ErrNotExist)
	}
	return uid, uid == 0 || int(uid) == os.Getuid() || int(uid) == os.Geteuid()
}

// Sizes of the messages of sock_diag(7): nlmsghdr, inet_diag_req_v2, and inet_diag_msg.
const (
	headerSize  = unix.NLMSG_HDRLEN
	requestSize = 56
	answerSize  = 72
	uidOffset   = 64 // of idiag_uid in inet_diag_msg
	inodeOffset = 68 // of idiag_inode
)

// socketOwner returns the user that owns the socket with these addresses, as the kernel reports it
// through sock_diag(7). The request names one socket, so that its cost does not depend on how many
// there are, as with /proc/net/tcp. The error is [fs.ErrNotExist] if there is no such socket.
func socketOwner(local, remote *net.TCPAddr) (uid uint32, err error) {
	const sockDiagByFamily = 20 // linux/sock_diag.h
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, unix.NETLINK_SOCK_DIAG)
	if err != nil {
		return 0, err
	}
	defer unix.Close(fd)
	limit := unix.NsecToTimeval(time.Second.Nanoseconds())
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &limit); err != nil {
		return 0, err
	}
	family, from, to := uint8(unix.AF_INET), local.IP.To4(), remote.IP.To4()
	if from == nil || to == nil {
		family, from, to = unix.AF_INET6, local.IP.To16(), remote.IP.To16()
	}
	native := binary.NativeEndian
	m := make([]byte, headerSize+requestSize)
	native.PutUint32(m, uint32(len(m)))
	native.PutUint16(m[4:], sockDiagByFamily)
	native.PutUint16(m[6:], unix.NLM_F_REQUEST)
	request := m[headerSize:]
	request[0], request[1] = family, unix.IPPROTO_TCP
	native.PutUint32(request[4:], 0xffffffff) // in any state
	binary.BigEndian.PutUint16(request[8:], uint16(local.Port))
	binary.BigEndian.PutUint16(request[10:], uint16(remote.Port))
	copy(request[12:], from)
	copy(request[28:], to)
	native.PutUint64(request[48:], 0xffffffffffffffff) // INET_DIAG_NOCOOKIE
	if err := unix.Sendto(fd, m, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return 0, err
	}
	buffer := make([]byte, 4096)
	n, _, err := unix.Recvfrom(fd, buffer, 0)
	if err != nil {
		return 0, err
	}
	return parseOwner(buffer[:n])
}

// parseOwner returns the user in a response of sock_diag(7).
func parseOwner(m []byte) (uid uint32, err error) {
	if len(m) < headerSize+4 {
		return 0, unix.EBADMSG
	}
	native := binary.NativeEndian
	body := m[headerSize:]
	switch {
	case native.Uint16(m[4:]) == unix.NLMSG_ERROR:
		errno := unix.Errno(-int32(native.Uint32(body)))
		if errno == unix.ENOENT {
			return 0, unix.ENOENT
		}
		return 0, errors.Join(unix.EBADMSG, errno)
	case len(body) < answerSize || native.Uint16(m[4:]) != 20:
		return 0, unix.EBADMSG
	}
	if native.Uint32(body[inodeOffset:]) == 0 { // no process has it any more; the user is then 0
		return 0, fs.ErrNotExist
	}
	return native.Uint32(body[uidOffset:]), nil
}
