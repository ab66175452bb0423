package keyring

import (
	"os"
	"testing"
)

func TestMain(m *testing.M) {
	// No test uses the keyring of the user who runs it.
	os.Setenv("DBUS_SESSION_BUS_ADDRESS", "")
	os.Setenv("XDG_RUNTIME_DIR", "")
	os.Exit(m.Run())
}
