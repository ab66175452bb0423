package sessionbus

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"aws-credproc/internal/printable"
)

const (
	maxAddresses = 4 << 10 // bytes of DBUS_SESSION_BUS_ADDRESS
	maxSocket    = 107     // bytes of the name of a unix socket (unix(7))
)

// parseAddress parses one address of DBUS_SESSION_BUS_ADDRESS
// (https://dbus.freedesktop.org/doc/dbus-specification.html#addresses) and returns the name of its
// unix socket in the form of package net: abstract names start with "@". No other transport is
// accepted, because only a unix socket shows which user runs the bus.
func parseAddress(address string) (socket string, err error) {
	transport, params, ok := strings.Cut(address, ":")
	if !ok {
		return "", errors.New("an address has no transport")
	}
	if transport != "unix" {
		return "", fmt.Errorf("transport %q is not supported, only unix",
			printable.Clean(transport, 32))
	}
	values := map[string]string{}
	for param := range strings.SplitSeq(params, ",") {
		name, value, ok := strings.Cut(param, "=")
		if _, isTwice := values[name]; !ok || name == "" || isTwice {
			return "", errors.New(`expected "key=value" pairs with different keys`)
		}
		values[name], err = unescape(value)
		if err != nil {
			return "", err
		}
	}
	path, hasPath := values["path"]
	abstract, hasAbstract := values["abstract"]
	switch {
	case hasPath == hasAbstract:
		return "", errors.New("expected one of path and abstract")
	case hasPath && !strings.HasPrefix(path, "/"):
		return "", errors.New("the path of the socket is not absolute")
	case hasPath:
		socket = path
	case abstract == "":
		return "", errors.New("the name of the socket is empty")
	default:
		socket = "@" + abstract
	}
	if len(socket) > maxSocket {
		return "", errors.New("the name of the socket is too long")
	}
	return socket, nil
}

// unescape replaces the escapes %XX of a value.
func unescape(value string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(value); i++ {
		c := value[i]
		if c == '%' {
			decoded, err := hex.DecodeString(value[i+1 : min(i+3, len(value))])
			if err != nil || len(decoded) != 1 {
				return "", errors.New("expected two hexadecimal digits after %")
			}
			c = decoded[0]
			i += 2
		}
		if c < ' ' || c == 0x7f {
			return "", errors.New("a value has a control character")
		}
		b.WriteByte(c)
	}
	return b.String(), nil
}
