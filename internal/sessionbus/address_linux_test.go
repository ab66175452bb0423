package sessionbus

import (
	"strings"
	"testing"

	"github.com/godbus/dbus/v5"
)

func TestParseAddress(t *testing.T) {
	long := strings.Repeat("x", maxSocket)
	for address, want := range map[string]string{
		"unix:path=/run/user/1000/bus":                 "/run/user/1000/bus",
		"unix:path=/run/user/1000/bus,guid=0123":       "/run/user/1000/bus",
		"unix:guid=0123,path=/tmp/a%20b":               "/tmp/a b",
		"unix:path=%2frun%2Fbus":                       "/run/bus",
		"unix:path=/a%25%2c%3b%3d":                     "/a%,;=",
		"unix:path=/über+here~1":                       "/über+here~1",
		"unix:path=/a%c3%a9":                           "/aé",
		"unix:abstract=/tmp/dbus-Xyz,guid=ff":          "@/tmp/dbus-Xyz",
		"unix:abstract=name":                           "@name",
		"unix:path=/" + long[1:]:                       "/" + long[1:],
		"unix:path=/" + long:                           "",
		"unix:abstract=" + long:                        "",
		"unix:path=/a%":                                "",
		"unix:path=/a%2":                               "",
		"unix:path=/a%2,guid=0":                        "",
		"unix:path=/a%+1":                              "",
		"unix:path=/a%zz":                              "",
		"unix:path=/a%00b":                             "",
		"unix:path=/a\x1b[2J":                          "",
		"unix:path=relative":                           "",
		"unix:path=@name":                              "",
		"unix:path=":                                   "",
		"unix:abstract=":                               "",
		"unix:path=/a,abstract=b":                      "",
		"unix:path=/a,path=/b":                         "",
		"unix:path=/a,":                                "",
		"unix:=/a":                                     "",
		"unix:guid=0":                                  "",
		"unix:runtime=yes":                             "",
		"unix:tmpdir=/tmp":                             "",
		"unix:":                                        "",
		"UNIX:path=/a":                                 "",
		"/run/user/1000/bus":                           "",
		"tcp:host=127.0.0.1,port=1":                    "",
		"nonce-tcp:host=127.0.0.1,port=1,noncefile=/a": "",
		"autolaunch:":                                  "",
		"launchd:env=DBUS_LAUNCHD_SESSION_BUS_SOCKET":  "",
		"unixexec:path=/bin/sh":                        "",
		"systemd:":                                     "",
		"vsock:cid=2,port=1":                           "",
		"":                                             "",
	} {
		got, err := parseAddress(address)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v; want %q", address, got, err, want)
		}
	}
}

func FuzzParseAddress(f *testing.F) {
	for _, seed := range []string{
		"unix:path=/run/user/1000/bus,guid=0", "unix:abstract=a%20b", "tcp:host=a,port=1", "unix:path=/%",
		"unix:path=/a%00", "unix:path=/a\xff", "unix:abstract=@a",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, address string) {
		socket, err := parseAddress(address)
		if err != nil {
			if socket != "" || strings.ContainsAny(err.Error(), "\n\x1b\x00") {
				t.Errorf("%q: %q, %q", address, socket, err)
			}
			return
		}
		if !strings.HasPrefix(address, "unix:") || len(socket) < 1 || len(socket) > maxSocket ||
			strings.ContainsAny(socket, "\x00\n\x1b\x7f") {
			t.Errorf("%q: %q", address, socket)
		}
		again := "unix:path=" + dbus.EscapeBusAddressValue(socket)
		if name, isAbstract := strings.CutPrefix(socket, "@"); isAbstract {
			again = "unix:abstract=" + dbus.EscapeBusAddressValue(name)
		}
		if got, err := parseAddress(again); got != socket || err != nil {
			t.Errorf("%q, escaped again: %q, %v", socket, got, err)
		}
	})
}
