//go:build !linux

package credserver

import "net"

// peer allows every connection: only Linux tells which user a loopback connection belongs to.
func peer(net.Conn) (uid uint32, isAllowed bool) { return noUser, true }
