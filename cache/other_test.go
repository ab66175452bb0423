//go:build !linux

package cache

import (
	"context"
	"os"
	"testing"

	gokeyring "github.com/zalando/go-keyring"
)

// keyringVar says whose keyring the tests may use: "real" is that of who runs them, for a machine that is nobody's. Else
// the tests have one in memory, and those that are about the real one skip.
const keyringVar = "AWS_CREDPROC_TEST_KEYRING"

func init() {
	if os.Getenv(keyringVar) != "real" {
		gokeyring.MockInit()
	}
}

// startKeyring gives the test an empty keyring, and empties it afterwards.
func startKeyring(t *testing.T) {
	t.Helper()
	if os.Getenv(keyringVar) != "real" {
		t.Skipf("the keyring of who runs this is not touched, unless %s=real", keyringVar)
	}
	clear := func() {
		if _, err := keyringDeleteAll(context.Background(), nil); err != nil {
			t.Error(err)
		}
	}
	clear()
	t.Cleanup(clear)
}

func kernelDir(t *testing.T) string {
	t.Skip("only Linux has the kernel store")
	return ""
}
