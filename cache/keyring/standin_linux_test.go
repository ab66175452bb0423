package keyring

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"aws-credproc/internal/keyringtest"
)

// services are stand-ins for services other than GNOME Keyring.
var services = map[string]keyringtest.Behavior{
	"oo7":       {},
	"KeePassXC": {IsKeePassXC: true},
}

func TestOtherServices(t *testing.T) {
	for name, service := range services {
		t.Run(name, func(t *testing.T) {
			d := keyringtest.StartStandIn(t, service)
			k := new(Keyring)
			get := func(want string) {
				t.Helper()
				items, err := k.Get(t.Context(), testItem)
				if want == "" && errors.Is(err, ErrNotFound) {
					return
				}
				if err != nil || len(items) != 1 || string(items[0]) != want {
					t.Errorf("%d items, %v, want %q", len(items), err, want)
				}
			}
			get("")
			for _, value := range []string{"first", "second"} { // creates and replaces
				if err := k.Put(t.Context(), testItem, "a label", []byte(value)); err != nil {
					t.Fatal(err)
				}
				get(value)
			}
			if err := k.PutPersistent(t.Context(), testItem, "", []byte("third")); err != nil {
				t.Fatal(err)
			}
			get("third")
			if err := k.Delete(t.Context(), testItem); err != nil {
				t.Error(err)
			}
			get("")
			if err := k.Delete(t.Context(), testItem); !errors.Is(err, ErrNotFound) {
				t.Errorf("delete again: %v", err)
			}
			if err := k.Put(t.Context(), testItem, "", []byte("fourth")); err != nil {
				t.Fatal(err)
			}
			if n, err := k.DeleteAll(t.Context(), testItem.Service, nil); n != 1 || err != nil {
				t.Errorf("delete all: %d, %v", n, err)
			}
			if n, err := k.DeleteAll(t.Context(), testItem.Service, nil); n != 0 || err != nil {
				t.Errorf("delete all again: %d, %v", n, err)
			}
			get("")
			if all := strings.Join(d.Secrets(), ""); all != "" {
				t.Errorf("secrets are left: %q", all)
			}
			if n := d.Windows(); n != 0 {
				t.Errorf("%d windows", n)
			}
		})
	}
}

// The search of a locked collection finds nothing, and that of KeePassXC shows a window.
func TestLockedCollectionIsNotEmpty(t *testing.T) {
	for name, service := range services {
		t.Run(name, func(t *testing.T) {
			d := keyringtest.StartStandIn(t, service)
			k := new(Keyring)
			if err := k.Put(t.Context(), testItem, "", []byte("x")); err != nil {
				t.Fatal(err)
			}
			d.SetLocked(true)
			testEach(t, ErrLocked)
			if n, err := k.DeleteAll(t.Context(), testItem.Service, nil); n != 0 ||
				!errors.Is(err, ErrLocked) {
				t.Errorf("delete all: %d, %v", n, err)
			}
			if n := d.Windows(); n != 0 {
				t.Errorf("%d windows", n)
			}
			d.SetLocked(false)
			if items, err := k.Get(t.Context(), testItem); err != nil || len(items) != 1 {
				t.Errorf("after the unlock: %d items, %v", len(items), err)
			}
		})
	}
}

func TestKeePassXCThatAsksForAccessIsLocked(t *testing.T) {
	d := keyringtest.StartStandIn(t, keyringtest.Behavior{IsKeePassXC: true, AsksForAccess: true})
	for range 2 { // creates an item, and finds it
		err := new(Keyring).Put(t.Context(), testItem, "", []byte("hush"))
		if !errors.Is(err, ErrAsksForAccess) {
			t.Errorf("put: %v", err)
		}
	}
	if _, err := new(Keyring).Get(t.Context(), testItem); !errors.Is(err, ErrNotFound) {
		t.Errorf("get: %v", err)
	}
	n, err := new(Keyring).DeleteAll(t.Context(), testItem.Service, nil)
	if n != 0 || err != nil {
		t.Errorf("delete all: %d, %v", n, err)
	}
	if err := new(Keyring).Status(t.Context(), ResponseLimit); !errors.Is(err, ErrAsksForAccess) {
		t.Errorf("status: %v", err)
	}
	if all := d.Secrets(); !slices.Equal(all, []string{""}) {
		t.Errorf("items with these secrets are left: %q", all)
	}
	if n := d.Windows(); n != 0 {
		t.Errorf("%d windows", n)
	}
}

// KWallet has an item without its secret if it was killed before it wrote that to disk.
func TestItemWithoutSecretIsNone(t *testing.T) {
	keyringtest.Start(t)
	k := new(Keyring)
	if err := k.Put(t.Context(), testItem, "", nil); err != nil {
		t.Fatal(err)
	}
	if _, err := k.Get(t.Context(), testItem); !errors.Is(err, ErrNotFound) {
		t.Errorf("got %v", err)
	}
}

// KeePassXC may run although another program is the Secret Service.
func TestKeePassXCThatIsNotTheSecretService(t *testing.T) {
	d := keyringtest.Start(t)
	ownNames(t, keePassXC)
	k := new(Keyring)
	if err := k.Put(t.Context(), testItem, "", []byte("x")); err != nil {
		t.Fatal(err)
	}
	if err := k.Delete(t.Context(), testItem); err != nil {
		t.Error(err)
	}
	b, err := openBus(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if items, _, err := b.search(attributes(testItem))(); len(items) > 0 || err != nil {
		t.Errorf("%d items are left, %v", len(items), err)
	}
	if d, err := written(t.Context()); d.late || err != nil {
		t.Errorf("writes late: %v, %v", d.late, err)
	}
	if err := k.Put(t.Context(), testItem, "", []byte("x")); err != nil {
		t.Fatal(err)
	}
	d.Lock()
	if _, err := k.Get(t.Context(), testItem); !errors.Is(err, ErrLocked) ||
		errors.Is(err, ErrAsksForAccess) {
		t.Errorf("locked: %v", err)
	}
}
