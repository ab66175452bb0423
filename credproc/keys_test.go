package credproc

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"aws-credproc/cache"
	"aws-credproc/internal/diag"
	"aws-credproc/profiles"
)

func TestKeysRoundTrip(t *testing.T) {
	k := profiles.Keys{AccessKeyID: "AKIAX", SecretAccessKey: "hush", Added: true,
		Cuts: []profiles.Cut{
			{
				File: "config", Section: 2, Rest: sha256.Sum256([]byte("x")),
				Pieces: []profiles.Piece{{At: 3, Text: "\xff\r\n"}, {At: 3, Text: "b"}},
			},
			{File: "credentials"},
		}}
	text, err := encodeKeys(k)
	if err != nil {
		t.Fatal(err)
	}
	got, err := decodeKeys(text)
	if err != nil {
		t.Fatal(err)
	}
	if !cmp.Equal(k, got) {
		t.Error("other keys are read")
	}
	rest := strings.Repeat("A", 43) + "="
	for text, want := range map[string]error{
		"": cache.ErrCorrupt, "hush": cache.ErrCorrupt, "{}": cache.ErrCorrupt,
		`{"v":1,"access_key_id":"AKIAX"}`:                            cache.ErrCorrupt,
		`{"v":1,"access_key_id":"AKIAX","secret_access_key":"a\nb"}`: cache.ErrCorrupt,
		`{"v":2,"access_key_id":"AKIAX"}`:                            cache.ErrVersion,
		cuts(`{"file":"/etc/passwd","rest":"` + rest +
			`"}`): cache.ErrCorrupt,
		cuts(`{"file":"config","rest":"AAAA"}`): cache.ErrCorrupt,
		cuts(`{"file":"config","section":-1,"rest":"` + rest +
			`"}`): cache.ErrCorrupt,
		cuts(`{"file":"config","rest":"` + rest +
			`","pieces":[{"at":-1,"text":"AAAA"}]}`): cache.ErrCorrupt,
		cuts(`{"file":"config","rest":"` + rest +
			`","pieces":[{"at":5,"text":"AAAA"},{"at":4,"text":"AAAA"}]}`): cache.ErrCorrupt,
		cuts(`{"file":"config","rest":"` + rest +
			`","pieces":[{"at":5,"text":"AAAA"}]}`): nil,
	} {
		if _, err := decodeKeys(text); !errors.Is(err, want) || err != nil &&
			strings.Contains(diag.Text(err), "hush") {
			t.Errorf("%s: %v, want %v", text, err, want)
		}
	}
}

func cuts(cut string) string {
	return `{"v":1,"access_key_id":"AKIAX","secret_access_key":"s","cuts":[` + cut + `]}`
}

// Only failures that concern every process are shared.
func TestKeyringFailuresToShare(t *testing.T) {
	c := profiles.Chain{Source: profiles.Source{Type: profiles.Keyring, Profile: "-base"},
		Profile: profiles.Section{Name: "-x"}}
	for err, want := range map[error]diag.Error{
		cache.ErrLocked:           {Flags: diag.NeedsUser | diag.Local}, // until the user unlocks it
		cache.ErrTimeout:          {Flags: diag.Temporary},
		context.DeadlineExceeded:  {Flags: diag.Temporary},
		errors.New("session bus"): {Flags: diag.Temporary | diag.Local},
		cache.ErrUnavailable:      {Flags: diag.Local}, // in this login
		cache.ErrCorrupt:          {Flags: diag.Local},
		cache.ErrVersion:          {Flags: diag.Local},
		ErrNoKeys:                 {Flags: diag.Local},
	} {
		got := keyringError(c, fmt.Errorf("keyring: %w", err))
		if got.Hint == "" || got.Flags != want.Flags {
			t.Errorf("%v: %+v", err, got)
		}
		if _, line, ok := strings.Cut(got.Hint, "run aws-credproc "); ok &&
			!strings.Contains(line, " -- -") {
			t.Errorf("%v: a flag for a name: %s", err, got.Hint)
		}
	}
}
