package keyring

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/godbus/dbus/v5"

	"aws-credproc/internal/keyringtest"
)

// kwalletName returns which of the kwallets the Secret Service on the test bus is.
func kwalletName(t *testing.T) string {
	t.Helper()
	b, err := openBus(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	name, err := b.kwallet()
	if err != nil {
		t.Fatal(err)
	}
	return name
}

func TestKWalletIsTheSecretService(t *testing.T) {
	for _, names := range [][]string{
		{ssName, "org.kde.kwalletd5"}, {ssName, "org.kde.kwalletd6"}, {ssName, "org.kde.ksecretd"},
	} {
		t.Run(names[1], func(t *testing.T) {
			keyringtest.New(t)
			ownNames(t, names...)
			if got := kwalletName(t); got != names[1] {
				t.Errorf("got %q", got)
			}
		})
	}
	t.Run("KWallet and another Secret Service", func(t *testing.T) {
		keyringtest.New(t)
		ownNames(t, ssName)
		ownNames(t, "org.kde.kwalletd5")
		if got := kwalletName(t); got != "" {
			t.Errorf("got %q", got)
		}
	})
	t.Run("GNOME Keyring", func(t *testing.T) {
		keyringtest.Start(t)
		if got := kwalletName(t); got != "" {
			t.Errorf("got %q", got)
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
	if err := conn.ExportMethodTable(methods, dbus.ObjectPath(ssPath), ssService); err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if _, err := conn.RequestName(name, dbus.NameFlagDoNotQueue); err != nil {
			t.Fatal(err)
		}
	}
}

// TestKWalletSecretIsChangedInPlace: KWallet would lose both secrets of an item that is replaced if it
// was killed before it has written the new one.
func TestKWalletSecretIsChangedInPlace(t *testing.T) {
	created := make(chan bool, 10)
	keyringtest.StartStandIn(t, keyringtest.Behavior{
		IsKWallet: true, Created: func(*keyringtest.StandIn) { created <- true },
	})
	secrets := NewSecrets("keys", "label")
	for _, secret := range []string{"first", "second", "third"} {
		if err := secrets.Set(t.Context(), "jill", secret); err != nil {
			t.Fatal(err)
		}
		if got, err := secrets.Get(t.Context(), "jill"); err != nil || got != secret {
			t.Errorf("got %q, %v; want %q", got, err, secret)
		}
	}
	<-created
	if err := secrets.Set(t.Context(), "bob", "x"); err != nil {
		t.Fatal(err)
	}
	<-created
	if n := len(created); n > 0 {
		t.Errorf("%d items were replaced", n)
	}
}

// A process that opens such a file waits for another one.
func TestKWalletSettingsThatAreAFIFO(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("XDG_CONFIG_DIRS", dir)
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	if promptsOnOpen() {
		t.Error("without settings: it prompts")
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "kwalletrc"), 0o600); err != nil {
		t.Fatal(err)
	}
	if !promptsOnOpen() {
		t.Error("it may prompt")
	}
}
