package cache

import (
	"errors"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"
)

func TestFactsRoundTrip(t *testing.T) {
	f := testFacts()
	f.Store, f.LastError, f.Unshared = File, "AccessDenied: é", true
	f.Created = time.Now().UTC().Truncate(time.Second)
	f.Expires, f.LastErrorAt = f.Created.Add(time.Hour), f.Created
	b, err := f.encode()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := decodeFacts(b); err != nil || got != f {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestFactsAreCleanedWhenWrittenAndRead(t *testing.T) {
	const hostile = "a\x1b[31mb\r\nc\u202ed\u2028e\x00\xfff"
	const wanted = "a [31mb c d e f"
	written, err := Facts{LastError: hostile + strings.Repeat("é", maxLastError),
		Profile: hostile}.encode()
	if err != nil {
		t.Fatal(err)
	}
	if s := string(written); strings.Contains(s, `\u`) || len(s) > 2*maxLastError {
		t.Errorf("written as %s", s)
	}
	read, err := decodeFacts([]byte(`{"v":1,"profile":"a\tb","unknown":{},` +
		`"last_error":"a\u001b[31mb\r\nc\u202ed\u2028e\u0000\ufffdf"}`))
	if err != nil || read.LastError != wanted || read.Profile != "a b" {
		t.Errorf("read %q, %q, %v", read.LastError, read.Profile, err)
	}
	read, err = decodeFacts([]byte(`{"v":1,"last_error":"` + strings.Repeat("é", maxLastError) +
		`"}`))
	if err != nil || len(read.LastError) != maxLastError {
		t.Errorf("read %d bytes, %v", len(read.LastError), err)
	}
}

func TestDecodeFactsErrors(t *testing.T) {
	for name, tc := range map[string]struct {
		in   string
		want error
	}{
		"empty":      {"", ErrCorrupt},
		"torn":       {`{"v":1,"prof`, ErrCorrupt},
		"no version": {`{"profile":"x"}`, ErrCorrupt},
		"bad time":   {`{"v":1,"expires":"soon"}`, ErrCorrupt},
		"too large":  {`{"v":1}` + strings.Repeat(" ", maxFacts), ErrCorrupt},
		"newer":      {`{"v":2}`, ErrVersion},
		"newer form": {`{"v":7,"profile":["x"]}`, ErrVersion},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := decodeFacts([]byte(tc.in)); !errors.Is(err, tc.want) {
				t.Errorf("got %v, want %v", err, tc.want)
			}
		})
	}
}

func FuzzDecodeFacts(f *testing.F) {
	b, err := testFacts().encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(`{"v":1,"last_error":"\u001b]0;x\u0007","store":"\u202e"}`))
	f.Add([]byte(`{"v":3}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := decodeFacts(b)
		if err != nil {
			if !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrVersion) {
				t.Fatalf("unexpected error: %v", err)
			}
			return
		}
		for _, s := range []string{got.Profile, got.RoleARN, got.Type, got.Source,
			string(got.Store), got.LastError} {
			if len(s) > maxFactsField || !utf8.ValidString(s) ||
				strings.ContainsFunc(s, unicode.IsControl) {
				t.Fatalf("not clean: %q", s)
			}
		}
		again, err := got.encode()
		if err != nil {
			t.Fatalf("decoded but cannot be encoded: %v", err)
		}
		if second, err := decodeFacts(again); err != nil || second != got {
			t.Fatalf("not stable: %+v, %v", second, err)
		}
	})
}
