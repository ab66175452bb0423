package plan

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"aws-credproc/cache"
)

func TestOutput(t *testing.T) {
	at := time.Date(2030, 1, 1, 2, 0, 30, 999, time.FixedZone("", 7200))
	for name, test := range map[string]struct {
		s    cache.Session
		want string
	}{
		"session": {cache.Session{AccessKeyID: "A", SecretAccessKey: "B", SessionToken: "C",
			AccountID: "1", Issued: at.Add(-time.Hour), Expiration: at},
			`{"Version":1,"AccessKeyId":"A","SecretAccessKey":"B","SessionToken":"C","Expiration":"2030-01-01T00:00:00Z","AccountId":"1"}` + "\n"},
		"static keys": {
			cache.Session{AccessKeyID: "A", SecretAccessKey: "B"},
			`{"Version":1,"AccessKeyId":"A","SecretAccessKey":"B"}` + "\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := Output(test.s, at.Add(-time.Hour))
			if err != nil || string(out) != test.want {
				t.Errorf("output %s, %v", out, err)
			}
		})
	}
}

func TestASCIIRoundTrip(t *testing.T) {
	const text = "a\x1b\u009b\u202e\u2028é😀\n\"\\"
	b, err := json.Marshal(text)
	if err != nil {
		t.Fatal(err)
	}
	out := ASCII(b)
	if strings.ContainsFunc(string(out), func(r rune) bool { return r < ' ' || r > '~' }) {
		t.Errorf("%q is not ASCII", out)
	}
	var back string
	if err := json.Unmarshal(out, &back); err != nil || back != text {
		t.Errorf("read back %q, %v", back, err)
	}
}
