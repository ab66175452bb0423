package profiles

import (
	"strings"
	"testing"
)

func TestReplaceKeyKeepsOtherBytes(t *testing.T) {
	old, key := AccessKey{"AKIAX", "hush"}, AccessKey{"AKIANEW", "se/cr+t"}
	for name, test := range map[string]struct{ config, credentials string }{
		"plain":              {"", "# a\n[p]\n" + testPair + "\n[q]\n" + testPair},
		"separate lines":     {"", "[p]\naws_secret_access_key=hush # mine\n# c\n\nx=y\nAWS_ACCESS_KEY_ID  =AKIAX\n"},
		"CRLF, indented":     {"", "[p]\r\n  " + crlf(strings.ReplaceAll(testPair, "\naws", "\n  aws")) + "[q]"},
		"no newline at end":  {"", "[p]\n" + strings.TrimSuffix(testPair, "\n")},
		"config file":        {"[profile p]\na = b\n" + testPair + "region = x\n", "[q]\n"},
		"both files":         {"[profile p]\naws_access_key_id = AKIAOLD\naws_secret_access_key = old\n", "[p]\n" + testPair},
		"twice, last counts": {"", "[p]\naws_access_key_id = A\naws_secret_access_key = b\n[p]\n" + testPair},
	} {
		t.Run(name, func(t *testing.T) {
			e := mustFiles(t, test.config, test.credentials).Edit()
			if err := ReplaceKey(e, "p", old, key); err != nil {
				t.Fatal(err)
			}
			change := func(text string) string {
				before, own, ok := strings.Cut(text, "[p]")
				if !ok && strings.Contains(text, "hush") {
					before, own, _ = strings.Cut(text, "[profile p]")
					before += "[profile p]"
				} else if ok {
					before += "[p]"
				}
				own = strings.Replace(own, "AKIAX", key.ID, 1)
				return before + strings.Replace(own, "hush", string(key.Secret), 1)
			}
			if got := e.now.config.text; got != change(test.config) {
				t.Errorf("config:\n%s", got)
			}
			if got := e.now.credentials.text; got != change(test.credentials) {
				t.Errorf("credentials:\n%s", got)
			}
		})
	}
}

func TestReplaceKeyRefuses(t *testing.T) {
	for name, test := range map[string]struct{ config, credentials, want string }{
		"another key": {"", "[p]\naws_access_key_id = AKIAX\naws_secret_access_key = other\n",
			"another program has changed the access key"},
		"no key":  {"[profile p]\nregion = x\n", "", "no access key of its own any more"},
		"half":    {"", "[p]\naws_access_key_id = AKIAX\n", "without aws_secret_access_key"},
		"2 files": {"[profile p]\naws_secret_access_key = hush\n", "[p]\naws_access_key_id = AKIAX\n", "different files"},
		"nothing": {"", "", "no such profile"},
	} {
		e := mustFiles(t, test.config, test.credentials).Edit()
		err := ReplaceKey(e, "p", AccessKey{"AKIAX", "hush"}, AccessKey{"AKIANEW", "new"})
		if err == nil || !strings.Contains(err.Error(), test.want) || len(e.Changes()) > 0 {
			t.Errorf("%s: %v, want %q; %d changes", name, err, test.want, len(e.Changes()))
		}
	}
}

// After import and With, import --undo puts the new key back where the old one was.
func TestKeysWithAnotherKeyAreRestored(t *testing.T) {
	const text = "# AKIAX\n[p]\naws_access_key_id = AKIAX # AKIAX2 and AKIAX\nx = y\n" +
		"aws_secret_access_key = hush # not hush/hush\n"
	config := "[profile p]\naws_access_key_id = AKIAX0\naws_secret_access_key = hush0\n"
	e := mustFiles(t, config, text).Edit()
	k, ok, err := TakeKeys(e, "p", testHelper)
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	k = k.With(AccessKey{"AKIANEW", "new"})
	if k.AccessKeyID != "AKIANEW" || k.SecretAccessKey != "new" {
		t.Error("With changed something else")
	}
	if _, err := PutKeys(e, "p", k); err != nil {
		t.Fatal(err)
	}
	want := "# AKIAX\n[p]\naws_access_key_id = AKIANEW # AKIAX2 and AKIANEW\nx = y\n" +
		"aws_secret_access_key = new # not hush/hush\n"
	if e.now.credentials.text != want || e.now.config.text != config {
		t.Errorf("got\n%s\n%s", e.now.credentials.text, e.now.config.text)
	}
}
