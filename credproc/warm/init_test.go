//go:build !nowarm

package warm

import (
	"runtime"
	"testing"

	"aws-credproc/cache"
)

func TestKeyringIsReadOnOneThread(t *testing.T) {
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "")
	before := runtime.GOMAXPROCS(3)
	defer runtime.GOMAXPROCS(before)
	env := env(t, fresh())
	env["AWS_CREDPROC_STORE"] = string(cache.Keyring)
	putIn(t, env, fresh(), cache.Keyring, new(keyring))
	r, ok := newRequest("dev", func(name string) string { return env[name] })
	if !ok {
		t.Fatal("there is no request")
	}
	finish(r, nil)
	if n := runtime.GOMAXPROCS(0); n != 1 || pending != r {
		t.Errorf("GOMAXPROCS is %d before the keyring is read", n)
	}
	Continue(new(keyring)) // which has no session
	if n := runtime.GOMAXPROCS(0); n != 3 || pending != nil {
		t.Errorf("GOMAXPROCS is %d in the normal program", n)
	}
}
