package users

import (
	"os/user"
	"strconv"
	"strings"
	"testing"
)

func TestUsersAreThoseOfOSUser(t *testing.T) {
	known := 0
	for id := range 1100 {
		got, err := WithID(id)
		want, wantErr := user.LookupId(strconv.Itoa(id))
		if (err == nil) != (wantErr == nil) {
			t.Errorf("%d: %v, want %v", id, err, wantErr)
		} else if err == nil {
			known++
			if got.Name != want.Username || got.Home != want.HomeDir {
				t.Errorf("%d: %v, want %v", id, got, want)
			}
		}
	}
	if known == 0 {
		t.Error("no user was compared")
	}
}

func TestFind(t *testing.T) {
	const passwd = `# jill:x:5:5::/comment:
  #x:x:5:5::/comment:

+jill:x:5:5::/nis:
-jill:x:5:5::/nis:
:x:5:5::/none:
short:x:5:5:
ann:x:50:5::/ann:
  jill:x:5:5:Jill, :/home/jill:/bin/sh
late:x:5:5::/late:`
	if u, err := find(strings.NewReader(passwd), "5"); err != nil || u != (User{"jill", "/home/jill"}) {
		t.Errorf("%v, %v", u, err)
	}
	for _, id := range []string{"6", "", "x"} {
		if u, err := find(strings.NewReader(passwd), id); err == nil {
			t.Errorf("%q: %v", id, u)
		}
	}
}
