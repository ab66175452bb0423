package cache

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// encodeItem returns an item that has the session itself.
func encodeItem(t testing.TB, key Key, s Session) []byte {
	t.Helper()
	b, err := s.encode()
	if err != nil {
		t.Fatal(err)
	}
	if b, err = (itemJSON{Key: key.String(), Session: b}).encode(); err != nil {
		t.Fatal(err)
	}
	return b
}

func TestDecodeItemErrors(t *testing.T) {
	good := string(encodeItem(t, testKey, testSession()))
	sealed := func(file, sealKey string) string {
		return fmt.Sprintf(`{"v":1,"key":"%s","file":"%s","seal_key":"%s"}`, testKey, file, sealKey)
	}
	file, sealKey := strings.Repeat("A", textSize), strings.Repeat("A", 43)+"="
	for name, tc := range map[string]struct {
		in   string
		want error
	}{
		"good":        {good, nil},
		"good sealed": {sealed(file, sealKey), nil},
		"empty":       {"", ErrCorrupt},
		"not JSON":    {"hush", ErrCorrupt},
		"torn":        {good[:len(good)-1], ErrCorrupt},
		"too large":   {good + strings.Repeat(" ", maxItem), ErrCorrupt},
		"a bare session": {good[strings.Index(good, `{"v":1,"access`) : len(good)-1],
			ErrCorrupt},
		"of another key": {string(encodeItem(t, otherKey, testSession())), ErrCorrupt},
		"neither":        {fmt.Sprintf(`{"v":1,"key":"%s"}`, testKey), ErrCorrupt},
		"both": {strings.TrimSuffix(good, "}") + "," +
			strings.TrimPrefix(sealed(file, sealKey), "{"), ErrCorrupt},
		"a path for a file": {sealed("../../../../../../../etc/x", sealKey), ErrCorrupt},
		"a short key":       {sealed(file, "AAAA"), ErrCorrupt},
		"newer":             {`{"v":2,"file":["hush"]}`, ErrVersion},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := decodeItem(testKey, []byte(tc.in))
			if !errors.Is(err, tc.want) || tc.want == nil && err != nil {
				t.Errorf("got %v, want %v", err, tc.want)
			}
			if err != nil &&
				(strings.Contains(err.Error(), "hush") || strings.Contains(err.Error(), "etc")) {
				t.Errorf("input in error: %v", err)
			}
		})
	}
}

func FuzzDecodeItem(f *testing.F) {
	f.Add(encodeItem(f, testKey, testSession()))
	f.Add([]byte(`{"v":2,"x":1}`))
	f.Add([]byte(`{"v":1,"key":"` + testKey.String() + `","file":"` +
		strings.Repeat("A", textSize) + `","seal_key":"` + strings.Repeat("A", 43) + `="}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		it, err := decodeItem(testKey, b)
		if err != nil {
			if !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrVersion) {
				t.Fatalf("unexpected error: %v", err)
			}
			return
		}
		again, err := it.encode()
		if err != nil {
			t.Fatalf("decoded but cannot be encoded: %v", err)
		}
		if second, err := decodeItem(testKey, again); err != nil || second.File != it.File {
			t.Fatalf("not stable: %v", err)
		}
	})
}
