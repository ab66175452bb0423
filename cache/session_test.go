package cache

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"
)

func TestPrintingASessionShowsNoSecret(t *testing.T) {
	s := testSession()
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%c",
		"%U", "%e", "%z", "%!"} {
		fmt.Fprintf(&out, verb+"\n", s) // vet refuses %w and %p
		fmt.Fprintf(&out, verb+"\n", &s)
		fmt.Fprintf(&out, verb+"\n", []Session{s})
		fmt.Fprintf(&out, verb+"\n", struct{ S Session }{s})
	}
	fmt.Fprintln(&out, s, &s, map[string]Session{"a": s}, s.String(), s.GoString())
	for _, h := range []slog.Handler{slog.NewTextHandler(&out, nil),
		slog.NewJSONHandler(&out, nil)} {
		slog.New(h).Info("x", "session", s, "pointer", &s, "group",
			slog.GroupValue(slog.Any("s", s)))
	}
	if err := json.NewEncoder(&out).Encode(struct {
		S Session
		P *Session
	}{s, &s}); err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{s.SecretAccessKey, s.SessionToken} {
		for _, form := range []string{secret, fmt.Sprintf("%x", secret),
			fmt.Sprintf("%X", secret)} {
			if strings.Contains(out.String(), form) {
				t.Errorf("a secret is in %s", out.String())
			}
		}
	}
	if !strings.Contains(out.String(), s.AccessKeyID) {
		t.Error("the access key ID is not shown")
	}
}

func TestSessionRoundTrip(t *testing.T) {
	for name, change := range map[string]func(*Session){
		"as is":      func(*Session) {},
		"long token": func(s *Session) { s.SessionToken = strings.Repeat("A", 64<<10) },
		"no account": func(s *Session) { s.AccountID = "" },
		"escaped":    func(s *Session) { s.SecretAccessKey = `"\<&>'` },
		"other zone": func(s *Session) {
			s.Expiration = s.Expiration.In(time.FixedZone("", 3600))
		},
		"no issue time": func(s *Session) { s.Issued = time.Time{} },
	} {
		t.Run(name, func(t *testing.T) {
			s := testSession()
			change(&s)
			b, err := s.encode()
			if err != nil {
				t.Fatal(err)
			}
			got, err := decodeSession(b)
			if err != nil {
				t.Fatal(err)
			}
			s.Expiration = s.Expiration.UTC()
			if got != s {
				t.Error("differs")
			}
		})
	}
}

func TestInvalidSessionIsNotEncoded(t *testing.T) {
	for name, change := range map[string]func(*Session){
		"no access key ID":    func(s *Session) { s.AccessKeyID = "" },
		"no secret":           func(s *Session) { s.SecretAccessKey = "" },
		"line end":            func(s *Session) { s.SessionToken = "a\nb" },
		"not ASCII":           func(s *Session) { s.AccountID = "é" },
		"bad UTF-8":           func(s *Session) { s.AccessKeyID = "\xff" },
		"expires when issued": func(s *Session) { s.Expiration = s.Issued },
		"no expiration":       func(s *Session) { s.Expiration = time.Time{} },
		"too large": func(s *Session) {
			s.SessionToken = strings.Repeat("A", maxSession)
		},
		"year 10000": func(s *Session) {
			s.Expiration = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := testSession()
			change(&s)
			if _, err := s.encode(); err == nil {
				t.Error("no error")
			} else if strings.Contains(err.Error(), "hush") {
				t.Errorf("secret in error: %v", err)
			}
		})
	}
}

func TestDecodeSessionErrors(t *testing.T) {
	good, err := testSession().encode()
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		in   string
		want error
	}{
		"empty":      {"", ErrCorrupt},
		"not JSON":   {"hush", ErrCorrupt},
		"null":       {"null", ErrCorrupt},
		"array":      {"[]", ErrCorrupt},
		"no version": {"{}", ErrCorrupt},
		"version 0": {strings.Replace(string(good), `"v":1`, `"v":0`, 1),
			ErrCorrupt},
		"truncated": {string(good[:len(good)-1]), ErrCorrupt},
		"followed":  {string(good) + "{}", ErrCorrupt},
		"no secret": {`{"v":1,"access_key_id":"hush"}`, ErrCorrupt},
		"control character": {strings.Replace(string(good), "hush", `hush\u001b`, 1),
			ErrCorrupt},
		"too large": {strings.Repeat(" ", maxSession) + string(good), ErrCorrupt},
		"field of another type": {strings.Replace(string(good), `"hush/secret"`, "5", 1),
			ErrCorrupt},
		"newer":                  {`{"v":2}`, ErrVersion},
		"newer with other types": {`{"v":2,"expiration":[5]}`, ErrVersion},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := decodeSession([]byte(tc.in))
			if !errors.Is(err, tc.want) || errors.Is(err, ErrMiss) {
				t.Errorf("got %v, want %v", err, tc.want)
			}
			if err != nil && strings.Contains(err.Error(), "hush") {
				t.Errorf("input in error: %v", err)
			}
		})
	}
}

func TestParseKeyIsTheInverseOfString(t *testing.T) {
	if got, err := ParseKey(testKey.String()); err != nil || got != testKey {
		t.Errorf("got %v, %v", got, err)
	}
	for _, bad := range []string{"", "ab", strings.ToUpper(testKey.String()), testKey.String() +
		"0", strings.Repeat("g", 64), "../" + testKey.String()[3:]} {
		if _, err := ParseKey(bad); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}

func FuzzDecodeSession(f *testing.F) {
	good, err := testSession().encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(`{"v":2,"x":1}`))
	f.Add([]byte(`{"v":1,"access_key_id":"A","secret_access_key":"B",` +
		`"expiration":"2030-01-01T00:00:00+23:59"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := decodeSession(b)
		if err != nil {
			if !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrVersion) {
				t.Fatalf("unexpected error: %v", err)
			}
			return
		}
		again, err := s.encode()
		if err != nil {
			t.Fatalf("decoded but cannot be encoded: %v", err)
		}
		if got, err := decodeSession(again); err != nil || got != s {
			t.Fatalf("not stable: %v", err)
		}
	})
}
