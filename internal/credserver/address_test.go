package credserver

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"testing"
	"time"
)

func TestCheckAddress(t *testing.T) {
	for address, ok := range map[string]bool{
		"127.0.0.1": true, "127.8.9.10": true, "::1": true, "169.254.170.2": true,
		"169.254.170.23": true, "fd00:ec2::23": true,
		"0.0.0.0": false, "::": false, "169.254.169.254": false, "169.254.170.3": false,
		"10.0.0.1": false, "192.0.2.1": false, "fd00:ec2::254": false, "fe80::1": false,
		"fe80::1%lo": false, "::1%lo": false, "2001:db8::1": false,
	} {
		if err := CheckAddress(netip.MustParseAddr(address)); (err == nil) != ok {
			t.Errorf("%s: %v", address, err)
		}
	}
}

// TestAllowedPeers: on a link, the processes of that link only.
func TestAllowedPeers(t *testing.T) {
	for _, test := range []struct {
		listen, from string
		allowed      bool
	}{
		{"169.254.170.2:80", "169.254.170.2", true},
		{"169.254.170.2:80", "169.254.170.99", true},
		{"169.254.170.2:80", "::ffff:169.254.170.9", true},
		{"169.254.170.2:80", "10.0.0.9", false},
		{"169.254.170.2:80", "192.168.1.9", false},
		{"169.254.170.23:80", "169.254.1.1", true},
		{"169.254.170.23:80", "fd00:ec2::1", false},
		{"[fd00:ec2::23]:80", "fd00:ec2::23", true},
		{"[fd00:ec2::23]:80", "fd00:ec2::9", true},
		{"[fd00:ec2::23]:80", "fd00:ec2:1::9", false},
		{"[fd00:ec2::23]:80", "2001:db8::1", false},
		{"127.0.0.1:80", "169.254.170.9", false},
		{"127.0.0.1:80", "192.0.2.1", false},
		{"127.0.0.1:80", "127.0.0.1", true},
		{"[::1]:80", "::1", true},
		{"[::1]:80", "fd00:ec2::9", false},
	} {
		s := &Server{Options: Options{Address: netip.MustParseAddrPort(test.listen), AnyUser: true}}
		from := net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(test.from), 1))
		if got := s.allows(remoteConn{nil, from}); got != test.allowed {
			t.Errorf("%s from %s: %v", test.listen, test.from, got)
		}
	}
}

// TestPathsAreSeparate: a request of one path does not get or await the credentials of another.
func TestPathsAreSeparate(t *testing.T) {
	blocked := make(chan struct{})
	defer close(blocked)
	other := testCredentials
	other.AccessKeyID = "ASIAOTHER"
	s, err := Start(Options{Timeout: time.Minute, Failed: func(error) {}, Lookups: map[string]Lookup{
		"/credentials/slow": func(context.Context) (Credentials, error) {
			<-blocked
			return testCredentials, nil
		},
		"/credentials/a b/c": func(context.Context) (Credentials, error) { return other, nil },
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	s.inflight.byPath = map[string]*call{"/credentials/slow": {done: make(chan struct{})}}
	request := func(path string) int {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL(path), nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", s.Token)
		resp, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		return resp.StatusCode
	}
	for path, want := range map[string]int{
		"/credentials/a b/c": 200, "/credentials/a%20b/c": 404, "/credentials": 404, "/credentials/a": 404,
	} {
		if status := request(path); status != want {
			t.Errorf("%s: %d", path, status)
		}
	}
}

// TestHostWithoutPort: clients leave out the port 80.
func TestHostWithoutPort(t *testing.T) {
	for _, test := range []struct {
		own, host string
		ok        bool
	}{
		{"169.254.170.2:80", "169.254.170.2", true},
		{"169.254.170.2:80", "169.254.170.2:80", true},
		{"[fd00:ec2::23]:80", "[fd00:ec2::23]", true},
		{"169.254.170.2:8080", "169.254.170.2", false},
		{"169.254.170.2:80", "rebound.example", false},
		{"169.254.170.2:80", "rebound.example:80", false},
		{"169.254.170.2:80", "", false},
	} {
		s := &Server{host: test.own}
		if s.isHost(test.host) != test.ok {
			t.Errorf("%s at %s", test.host, test.own)
		}
	}
	s := &Server{host: "[fd00:ec2::23]:80"}
	if url := s.URL(Path); url != "http://[fd00:ec2::23]/credentials" {
		t.Error(url)
	}
}
