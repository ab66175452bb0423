//go:build !linux

package keyringtest

import (
	"os"
	"testing"

	gokeyring "github.com/zalando/go-keyring"
)

// realVar names a variable. If it is "real", as on a build machine, tests may use the keyring of
// the user who runs them. Otherwise, go-keyring keeps its items in memory.
const realVar = "AWS_CREDPROC_TEST_KEYRING"

func init() {
	if os.Getenv(realVar) != "real" {
		gokeyring.MockInit()
	}
}

// UseReal skips a test of the real keyring, unless it may be used. It deletes the items of the
// service aws-credproc before and after the test.
func UseReal(t *testing.T) {
	t.Helper()
	if os.Getenv(realVar) != "real" {
		t.Skipf("the keyring of this user is used only if %s=real", realVar)
	}
	wipe := func() {
		if err := gokeyring.DeleteAll("aws-credproc"); err != nil {
			t.Error(err)
		}
	}
	wipe()
	t.Cleanup(wipe)
}
