package keyring

import (
	"os"
	"testing"

	"github.com/godbus/dbus/v5"

	"aws-credproc/internal/keyringtest"
)

func TestKWalletAndKeePassXCWriteLate(t *testing.T) {
	for _, names := range [][]string{
		{ssName, "org.kde.kwalletd5"}, {ssName, "org.kde.kwalletd6"}, {ssName, "org.kde.ksecretd"},
		{ssName, keePassXC},
	} {
		t.Run(names[1], func(t *testing.T) {
			keyringtest.New(t)
			ownNames(t, names...)
			if late, err := new(Keyring).WritesLate(t.Context()); err != nil || !late {
				t.Errorf("got %v, %v", late, err)
			}
		})
	}
	t.Run("KWallet and another Secret Service", func(t *testing.T) {
		keyringtest.New(t)
		ownNames(t, ssName)
		ownNames(t, "org.kde.kwalletd5")
		if late, err := new(Keyring).WritesLate(t.Context()); err != nil || late {
			t.Errorf("got %v, %v", late, err)
		}
	})
	t.Run("GNOME Keyring", func(t *testing.T) {
		keyringtest.Start(t)
		if late, err := new(Keyring).WritesLate(t.Context()); err != nil || late {
			t.Errorf("got %v, %v", late, err)
		}
	})
}

// ownNames starts a Secret Service that knows no alias and owns these names.
func ownNames(t *testing.T, names ...string) {
	t.Helper()
	conn, err := dbus.Connect(os.Getenv("DBUS_SESSION_BUS_ADDRESS"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	methods := map[string]any{
		"ReadAlias": func(string) (dbus.ObjectPath, *dbus.Error) { return "/", nil },
	}
	if err := conn.ExportMethodTable(methods, ssPath, ssService); err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if _, err := conn.RequestName(name, dbus.NameFlagDoNotQueue); err != nil {
			t.Fatal(err)
		}
	}
}
