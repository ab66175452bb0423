//go:build !linux

package credserver

import "net"

// isAllowedPeer returns true: only Linux tells which user a loopback connection belongs to.
func isAllowedPeer(net.Conn) bool { return true }
