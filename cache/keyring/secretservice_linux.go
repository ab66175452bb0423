package keyring

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"aws-credproc/internal/sessionbus"
)

// This file calls the Secret Service itself
// (https://specifications.freedesktop.org/secret-service-spec/latest/). The calls of go-keyring
// unlock the keyring, which may show a prompt, and start a daemon if none runs. The items have the
// same form. So does the session, which is not encrypted ("plain"): a process that can read the bus
// of this user can also ask it.
const (
	ssName       = "org.freedesktop.secrets"
	gnomeName    = "org.gnome.keyring" // which GNOME Keyring owns too
	ssPath       = sessionbus.ObjectPath("/org/freedesktop/secrets")
	ssLogin      = ssPath + "/collection/login"
	ssService    = "org.freedesktop.Secret.Service"
	ssCollection = "org.freedesktop.Secret.Collection"
	ssItem       = "org.freedesktop.Secret.Item"
	ssPrompt     = "org.freedesktop.Secret.Prompt"
	ssNone       = sessionbus.ObjectPath("/") // no prompt, no collection
	dbusName     = sessionbus.Name
	dbusGet      = dbusName + ".Properties.Get"
	dbusSet      = dbusName + ".Properties.Set"
)

// MaxItem is the size limit of an item in bytes. The Secret Service has none, but it rewrites all
// that it holds for each change (GNOME Keyring, measured). Sessions as AWS issues them, below 4 KB,
// fit.
const MaxItem = 8 << 10

// reportsAnswers is true: a call reports each answer to its watch.
const reportsAnswers = true

// maxItems bounds how many items with one name are opened. There is one, unless the default
// collection was changed.
const maxItems = 8

func attributes(i Item) map[string]string {
	return map[string]string{"service": i.Service, "username": i.User}
}

func get(ctx context.Context, item Item) (values [][]byte, err error) {
	b, err := openBus(ctx)
	if err != nil {
		return nil, err
	}
	defer b.Close()
	search, open := b.search(attributes(item)), b.openSession()
	unlocked, locked, err := search()
	if err != nil {
		return nil, err
	}
	if len(unlocked) == 0 {
		return nil, b.notFound(locked)
	}
	session, err := open()
	if err != nil {
		return nil, err
	}
	for _, path := range unlocked[:min(len(unlocked), maxItems)] {
		value, err := b.secret(path, session)
		if isGone(err) { // deleted since the search
			err = ErrNotFound
		}
		if err != nil {
			return nil, err
		}
		if len(value) > 0 {
			values = append(values, value)
		}
	}
	if len(values) == 0 { // KWallet lost it when it was killed, or emptyKeePassXC removed it
		return nil, ErrNotFound
	}
	return values, nil
}

func put(ctx context.Context, item Item, label string, value []byte) error {
	b, err := openBus(ctx)
	if err != nil {
		return err
	}
	defer b.Close()
	_, err = b.put(ctx, item, label, value, false)
	return err
}

func putPersistent(ctx context.Context, item Item, label string, value []byte) error {
	b, err := openBus(ctx)
	if err != nil {
		return err
	}
	defer b.Close()
	path, err := b.put(ctx, item, label, value, true)
	if err != nil {
		return err
	}
	unlocked, _, err := b.search(attributes(item))()
	if err != nil {
		return err
	}
	if i := slices.Index(unlocked, path); i >= 0 {
		_, err = b.delete(slices.Delete(unlocked, i, i+1), nil)
	}
	return err
}

func remove(ctx context.Context, item Item) error {
	b, err := openBus(ctx)
	if err != nil {
		return err
	}
	defer b.Close()
	unlocked, locked, err := b.search(attributes(item))()
	if err != nil {
		return err
	}
	if len(unlocked) == 0 {
		if err := b.checkNone(locked); err != nil {
			return err
		}
		return ErrNotFound
	}
	n, err := b.delete(unlocked, locked)
	if n == 0 && err == nil {
		err = ErrNotFound
	}
	return err
}

func removeAll(ctx context.Context, service string, _ []string) (int, error) {
	b, err := openBus(ctx)
	if err != nil {
		return 0, err
	}
	defer b.Close()
	unlocked, locked, err := b.search(map[string]string{"service": service})()
	if err != nil {
		return 0, err
	}
	if len(unlocked) == 0 {
		return 0, b.checkNone(locked)
	}
	return b.delete(unlocked, locked)
}

func status(ctx context.Context) error {
	b, err := openBus(ctx)
	if err != nil {
		return err
	}
	defer b.Close()
	collection, err := b.openCollection()
	if err == nil && b.isKeePassXC {
		err = b.checkAccess(collection)
	}
	return err
}

// search finds items in every collection. It shows no prompt: locked items are returned apart.
func (b *bus) search(
	attributes map[string]string,
) func() (unlocked, locked []sessionbus.ObjectPath, err error) {
	if b.isKeePassXC {
		return func() (unlocked, locked []sessionbus.ObjectPath, err error) {
			if _, err = b.openCollection(); err != nil {
				return nil, nil, err
			}
			err = b.call(ssPath, ssService+".SearchItems", attributes)(&unlocked, &locked)
			return unlocked, locked, err
		}
	}
	found := b.call(ssPath, ssService+".SearchItems", attributes)
	return func() (unlocked, locked []sessionbus.ObjectPath, err error) {
		err = found(&unlocked, &locked)
		return unlocked, locked, err
	}
}

func (b *bus) openSession() func() (sessionbus.ObjectPath, error) {
	opened := b.call(ssPath, ssService+".OpenSession", "plain", sessionbus.Variant{Value: ""})
	return func() (path sessionbus.ObjectPath, err error) {
		err = opened(nil, &path)
		return path, err
	}
}

// secret returns the secret of an item.
func (b *bus) secret(item, session sessionbus.ObjectPath) (value []byte, err error) {
	err = b.call(item, ssItem+".GetSecret", session)(sessionbus.Struct{nil, nil, &value, nil})
	return value, err
}

// newSecret returns a secret as go-keyring sends it.
func newSecret(session sessionbus.ObjectPath, value []byte) sessionbus.Struct {
	return sessionbus.Struct{session, []byte(nil), value, "text/plain; charset=utf8"}
}

// notFound returns the error for a search that found no unlocked item. It is ErrLocked if there are
// locked items, or if the collection is locked: a service may not search those. Otherwise, it is
// ErrNotFound.
func (b *bus) notFound(locked []sessionbus.ObjectPath) error {
	if len(locked) > 0 {
		return b.errLocked()
	}
	if _, err := b.openCollection(); err != nil && !errors.Is(err, ErrUnavailable) {
		return err
	}
	return ErrNotFound
}

// checkNone returns nil if a search that found no unlocked item means that there is no item: the
// search of GNOME Keyring also finds those that are locked.
func (b *bus) checkNone(locked []sessionbus.ObjectPath) error {
	if len(locked) == 0 {
		if owner, err := b.owner(gnomeName); err != nil || owner == b.service {
			return err
		}
	}
	if err := b.notFound(locked); !errors.Is(err, ErrNotFound) {
		return err
	}
	return nil
}

// openCollection is collection, with ErrLocked for one that is locked.
func (b *bus) openCollection() (sessionbus.ObjectPath, error) {
	path, locked, err := b.collection()
	if err == nil && locked {
		err = ErrLocked
	}
	return path, err
}

// collection returns the collection that go-keyring uses: login, else the default one. The error
// wraps ErrUnavailable if there is none, because creating one would show a prompt.
func (b *bus) collection() (path sessionbus.ObjectPath, locked bool, err error) {
	all := b.call(ssPath, dbusGet, ssService, "Collections")
	byAlias := b.call(ssPath, ssService+".ReadAlias", "default")
	var collections []sessionbus.ObjectPath
	if err := all(&collections); err != nil {
		return "", false, err
	}
	path = ssLogin
	if !slices.Contains(collections, ssLogin) {
		if err := byAlias(&path); err != nil {
			return "", false, err
		}
	}
	if path == ssNone {
		return "", false, fmt.Errorf("%w: the Secret Service has neither a collection `login` "+
			"nor a default one", ErrUnavailable)
	}
	err = b.call(path, dbusGet, ssCollection, "Locked")(&locked)
	return path, locked, err
}

// checkPersistent returns an error for the collection that the service keeps in memory only, which
// may be the default one.
func (b *bus) checkPersistent(collection sessionbus.ObjectPath) error {
	var memory sessionbus.ObjectPath
	err := b.call(ssPath, ssService+".ReadAlias", "session")(&memory)
	if err != nil && !errors.As(err, new(serviceError)) { // a serviceError: it has no such alias
		return err
	}
	if collection == memory {
		return fmt.Errorf("%w: the default collection of the Secret Service is deleted at logout",
			ErrUnavailable)
	}
	return nil
}

// put creates or replaces an item in the unlocked collection. If it is to persist, the collection must
// outlive the login, and the old secret is not lost before the new one is on disk.
func (b *bus) put(
	ctx context.Context, item Item, label string, value []byte, persistent bool,
) (path sessionbus.ObjectPath, err error) {
	open := b.openSession()
	collection, err := b.openCollection()
	if err != nil {
		return "", err
	}
	session, err := open()
	if err == nil && persistent {
		err = b.checkPersistent(collection)
	}
	if err != nil {
		return "", err
	}
	if b.isKeePassXC {
		return b.putKeePassXC(ctx, collection, session, item, label, value)
	}
	if persistent {
		if path := b.changeKWallet(collection, session, item, value); path != "" {
			return path, nil
		}
	}
	return b.create(collection, session, item, label, value)
}

func (b *bus) create(
	collection, session sessionbus.ObjectPath, item Item, label string, value []byte,
) (path sessionbus.ObjectPath, err error) {
	path, prompt, err := b.createItem(collection, session, item, label, value, true)
	if err != nil {
		return "", err
	}
	return path, b.dismiss(prompt)
}

func (b *bus) createItem(
	collection, session sessionbus.ObjectPath, item Item, label string, value []byte, replace bool,
) (path, prompt sessionbus.ObjectPath, err error) {
	err = b.call(collection, ssCollection+".CreateItem", map[string]sessionbus.Variant{
		ssItem + ".Label":      {Value: label},
		ssItem + ".Attributes": {Value: attributes(item)},
	}, newSecret(session, value), replace)(&path, &prompt)
	return path, prompt, err
}

// delete deletes unlocked items and returns their number. The error is ErrLocked if there are
// locked ones.
func (b *bus) delete(unlocked, locked []sessionbus.ObjectPath) (n int, err error) {
	if b.isKeePassXC {
		if n, err = b.emptyKeePassXC(unlocked); err != nil {
			return n, err
		}
		unlocked = nil
	}
	for _, path := range unlocked {
		var prompt sessionbus.ObjectPath
		err := b.call(path, ssItem+".Delete")(&prompt)
		switch {
		case err == nil:
			err = b.dismiss(prompt)
		case isGone(err):
			continue
		}
		if err != nil {
			return n, err
		}
		n++
	}
	if len(locked) > 0 {
		return n, b.errLocked()
	}
	return n, nil
}

// errLocked returns the error for locked items.
func (b *bus) errLocked() error {
	if b.isKeePassXC {
		return ErrAsksForAccess
	}
	return ErrLocked
}

// dismiss dismisses a prompt that the service would show before it acts, and returns ErrLocked.
func (b *bus) dismiss(prompt sessionbus.ObjectPath) error {
	if prompt == ssNone {
		return nil
	}
	return errors.Join(ErrLocked, b.call(prompt, ssPrompt+".Dismiss")())
}
