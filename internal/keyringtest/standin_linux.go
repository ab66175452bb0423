package keyringtest

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"sync"
	"testing"

	"github.com/godbus/dbus/v5"
	ss "github.com/zalando/go-keyring/secret_service"
)

// Behavior is how a [StandIn] differs from oo7.
type Behavior struct {
	// IsKeePassXC: the search of a locked collection shows a window, CreateItem always returns a
	// prompt, and replacing or deleting an item shows a window.
	IsKeePassXC bool
	// AsksForAccess: an item is unlocked for the client that has created it only, as with KeePassXC's
	// "Confirm when passwords are retrieved by clients".
	AsksForAccess bool
	// IsKWallet: the service owns the bus name of kwalletd5, and replaces an item by another one.
	IsKWallet bool
	// Sync is called when KWallet is asked to write its open wallet to disk. nil if it cannot be.
	Sync func()
	// Created is called after an item was created, nil for none.
	Created func(*StandIn)
}

// StandIn is a Secret Service that responds as others than GNOME Keyring do. Its search of a locked
// collection finds nothing, as that of oo7 0.7 and KeePassXC 2.7.
type StandIn struct {
	Behavior
	conn *dbus.Conn

	mu      sync.Mutex
	locked  bool
	windows int
	items   map[dbus.ObjectPath]*standInItem
	prompts map[dbus.ObjectPath]func() (result any)
	next    int
}

type standInItem struct {
	attributes map[string]string
	secret     []byte
	creator    string
}

// StartStandIn starts a service with an unlocked collection on the bus of a desktop.
func StartStandIn(t *testing.T, b Behavior) *StandIn {
	t.Helper()
	New(t)
	conn, err := dbus.Connect(os.Getenv("DBUS_SESSION_BUS_ADDRESS"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	s := &StandIn{
		Behavior: b, conn: conn,
		items: map[dbus.ObjectPath]*standInItem{}, prompts: map[dbus.ObjectPath]func() any{},
	}
	for _, o := range []struct {
		path    dbus.ObjectPath
		face    string
		subtree bool
		methods map[string]any
	}{
		{ssPath, ssService, false, map[string]any{
			"ReadAlias": s.readAlias, "OpenSession": s.openSession, "SearchItems": s.search,
		}},
		{ssPath, propertiesFace, false, map[string]any{"Get": s.serviceProperty}},
		{ssLogin, ssCollection, false, map[string]any{"CreateItem": s.create}},
		{ssLogin, propertiesFace, true, map[string]any{"Get": s.property, "Set": s.setProperty}},
		{ssLogin, ssItem, true, map[string]any{
			"GetSecret": s.getSecret, "SetSecret": s.setSecret, "Delete": s.delete,
		}},
		{"/modules/kwalletd5", "org.kde.KWallet", false, s.wallet()},
		{ssPath + "/prompt", ssPrompt, true, map[string]any{"Prompt": s.prompt, "Dismiss": s.dismiss}},
	} {
		export := conn.ExportMethodTable
		if o.subtree {
			export = conn.ExportSubtreeMethodTable
		}
		if err := export(o.methods, o.path, o.face); err != nil {
			t.Fatal(err)
		}
	}
	names := []string{ssName}
	if s.IsKeePassXC {
		names = append(names, "org.keepassxc.KeePassXC.MainWindow")
	}
	if s.IsKWallet {
		names = append(names, "org.kde.kwalletd5")
	}
	for _, name := range names {
		if _, err := conn.RequestName(name, dbus.NameFlagDoNotQueue); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// wallet returns the methods of KWallet. A wallet that is closed shows a window when it is opened.
func (s *StandIn) wallet() map[string]any {
	if s.Sync == nil {
		return nil
	}
	const handle = 7
	users := map[string]bool{}
	return map[string]any{
		"isOpen": func(wallet string) (bool, *dbus.Error) {
			s.mu.Lock()
			defer s.mu.Unlock()
			return wallet == Wallet && !s.locked, nil
		},
		"open": func(wallet string, _ int64, user string) (int32, *dbus.Error) {
			s.mu.Lock()
			defer s.mu.Unlock()
			if s.locked || wallet != Wallet {
				s.windows++
				return -1, nil
			}
			users[user] = true
			return handle, nil
		},
		"sync": func(h int32, user string) *dbus.Error {
			if h == handle && users[user] {
				s.Sync()
			}
			return nil
		},
		"close": func(h int32, force bool, user string) (int32, *dbus.Error) {
			if h != handle || force || !users[user] {
				return -1, nil
			}
			delete(users, user)
			return 0, nil
		},
	}
}

const propertiesFace = "org.freedesktop.DBus.Properties"

// Wallet is the label of the collection, which is the name of the wallet in KWallet.
const Wallet = "kdewallet"

// ForgetSecrets removes the secrets of all items, as KWallet does when it is killed before it has
// written them to disk.
func (s *StandIn) ForgetSecrets() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, i := range s.items {
		i.secret = nil
	}
}

// SetLocked locks or unlocks the collection.
func (s *StandIn) SetLocked(locked bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.locked = locked
}

// Windows returns how many windows the service has shown.
func (s *StandIn) Windows() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.windows
}

// Secrets returns the secrets of all items, the empty ones too.
func (s *StandIn) Secrets() (all []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, path := range slices.Sorted(maps.Keys(s.items)) {
		all = append(all, string(s.items[path].secret))
	}
	return all
}

func refusal(name string) *dbus.Error { return dbus.NewError(name, nil) }

const (
	errLocked   = "org.freedesktop.Secret.Error.IsLocked"
	errNoObject = "org.freedesktop.Secret.Error.NoSuchObject"
)

func (s *StandIn) readAlias(name string) (dbus.ObjectPath, *dbus.Error) {
	if name == "default" {
		return ssLogin, nil
	}
	return "/", nil
}

func (s *StandIn) openSession(
	algorithm string, _ dbus.Variant,
) (dbus.Variant, dbus.ObjectPath, *dbus.Error) {
	if algorithm != "plain" {
		return dbus.Variant{}, "/", refusal("org.freedesktop.DBus.Error.NotSupported")
	}
	return dbus.MakeVariant(""), ssPath + "/session/1", nil
}

func (s *StandIn) serviceProperty(_, name string) (dbus.Variant, *dbus.Error) {
	if name != "Collections" {
		return dbus.Variant{}, refusal("org.freedesktop.DBus.Error.InvalidArgs")
	}
	return dbus.MakeVariant([]dbus.ObjectPath{ssLogin}), nil
}

func (s *StandIn) collectionProperty(name string) (dbus.Variant, *dbus.Error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch name {
	case "Label":
		return dbus.MakeVariant(Wallet), nil
	case "Locked":
		return dbus.MakeVariant(s.locked), nil
	case "Items":
		return dbus.MakeVariant(slices.Sorted(maps.Keys(s.items))), nil
	}
	return dbus.Variant{}, refusal("org.freedesktop.DBus.Error.InvalidArgs")
}

// property returns a property of the collection or of an item.
func (s *StandIn) property(
	m dbus.Message, sender dbus.Sender, _, name string,
) (dbus.Variant, *dbus.Error) {
	if m.Headers[dbus.FieldPath].Value() == ssLogin {
		return s.collectionProperty(name)
	}
	if name != "Locked" {
		return dbus.Variant{}, refusal("org.freedesktop.DBus.Error.InvalidArgs")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	_, err := s.item(m, sender)
	if err != nil && err.Name == errLocked {
		return dbus.MakeVariant(true), nil
	}
	return dbus.MakeVariant(false), err
}

// setProperty changes the attributes of an item.
func (s *StandIn) setProperty(
	m dbus.Message, sender dbus.Sender, _, name string, value dbus.Variant,
) *dbus.Error {
	s.mu.Lock()
	defer s.mu.Unlock()
	i, err := s.item(m, sender)
	if err != nil {
		return err
	}
	attributes, ok := value.Value().(map[string]string)
	if name != "Attributes" || !ok {
		return refusal("org.freedesktop.DBus.Error.InvalidArgs")
	}
	i.attributes = attributes
	return nil
}

func (s *StandIn) search(
	sender dbus.Sender, attributes map[string]string,
) (unlocked, locked []dbus.ObjectPath, _ *dbus.Error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.locked {
		if s.IsKeePassXC {
			s.windows++
		}
		return nil, nil, nil
	}
	for path, i := range s.items {
		matches := true
		for name, value := range attributes {
			matches = matches && i.attributes[name] == value
		}
		switch {
		case !matches:
		case s.isReadable(i, sender):
			unlocked = append(unlocked, path)
		default:
			locked = append(locked, path)
		}
	}
	return unlocked, locked, nil
}

func (s *StandIn) isReadable(i *standInItem, sender dbus.Sender) bool {
	return !s.AsksForAccess || i.creator == string(sender)
}

func (s *StandIn) create(
	sender dbus.Sender, properties map[string]dbus.Variant, secret ss.Secret, replace bool,
) (item, prompt dbus.ObjectPath, _ *dbus.Error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.locked {
		return "/", "/", refusal(errLocked)
	}
	attributes, ok := properties[ssItem+".Attributes"].Value().(map[string]string)
	if !ok {
		return "/", "/", refusal("org.freedesktop.DBus.Error.InvalidArgs")
	}
	add := func() any {
		if replace {
			for path, i := range s.items {
				if maps.Equal(i.attributes, attributes) {
					if s.IsKWallet {
						delete(s.items, path)
						break
					}
					if s.IsKeePassXC {
						s.windows++
					}
					i.secret = secret.Value
					return path
				}
			}
		}
		s.next++
		path := dbus.ObjectPath(fmt.Sprintf("%s/%d", ssLogin, s.next))
		s.items[path] = &standInItem{attributes, secret.Value, string(sender)}
		if s.Created != nil {
			go s.Created(s)
		}
		return path
	}
	if s.IsKeePassXC {
		return "/", s.newPrompt(add), nil
	}
	return add().(dbus.ObjectPath), "/", nil
}

// newPrompt returns a prompt that calls do if it is shown.
func (s *StandIn) newPrompt(do func() (result any)) dbus.ObjectPath {
	s.next++
	path := dbus.ObjectPath(fmt.Sprintf("%s/prompt/%d", ssPath, s.next))
	s.prompts[path] = do
	return path
}

// item returns the item of a call if its sender may use it.
func (s *StandIn) item(m dbus.Message, sender dbus.Sender) (*standInItem, *dbus.Error) {
	path, _ := m.Headers[dbus.FieldPath].Value().(dbus.ObjectPath)
	i, ok := s.items[path]
	switch {
	case !ok:
		return nil, refusal(errNoObject)
	case s.locked, !s.isReadable(i, sender):
		return nil, refusal(errLocked)
	}
	return i, nil
}

func (s *StandIn) getSecret(
	m dbus.Message, sender dbus.Sender, session dbus.ObjectPath,
) (ss.Secret, *dbus.Error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i, err := s.item(m, sender)
	if err != nil {
		return ss.Secret{}, err
	}
	return ss.NewSecret(session, string(i.secret)), nil
}

func (s *StandIn) setSecret(m dbus.Message, sender dbus.Sender, secret ss.Secret) *dbus.Error {
	s.mu.Lock()
	defer s.mu.Unlock()
	i, err := s.item(m, sender)
	if err == nil {
		i.secret = secret.Value
	}
	return err
}

func (s *StandIn) delete(
	m dbus.Message, sender dbus.Sender,
) (prompt dbus.ObjectPath, _ *dbus.Error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.item(m, sender); err != nil {
		return "/", err
	}
	path := m.Headers[dbus.FieldPath].Value().(dbus.ObjectPath)
	remove := func() any {
		delete(s.items, path)
		return ""
	}
	if s.IsKeePassXC {
		return s.newPrompt(func() any { s.windows++; return remove() }), nil
	}
	remove()
	return "/", nil
}

func (s *StandIn) prompt(m dbus.Message, _ string) *dbus.Error {
	s.mu.Lock()
	path := m.Headers[dbus.FieldPath].Value().(dbus.ObjectPath)
	do, ok := s.prompts[path]
	var result any
	if ok {
		delete(s.prompts, path)
		result = do()
	}
	s.mu.Unlock()
	if !ok {
		return refusal(errNoObject)
	}
	if err := s.conn.Emit(path, ssPrompt+".Completed", false, dbus.MakeVariant(result)); err != nil {
		return dbus.MakeFailedError(err)
	}
	return nil
}

func (s *StandIn) dismiss(m dbus.Message) *dbus.Error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.prompts, m.Headers[dbus.FieldPath].Value().(dbus.ObjectPath))
	return nil
}
