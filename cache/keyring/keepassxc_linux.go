package keyring

import (
	"context"
	"errors"

	"aws-credproc/internal/sessionbus"
)

// keePassXC is a bus name that KeePassXC owns.
const keePassXC = "org.keepassxc.KeePassXC.MainWindow"

// putKeePassXC creates or replaces an item in the unlocked collection of KeePassXC.
//
// CreateItem always returns a prompt there, which completes without a window in an unlocked
// collection. To replace an item, KeePassXC would ask the user, so the secret of an item is changed
// instead.
func (b *bus) putKeePassXC(
	ctx context.Context, collection, session sessionbus.ObjectPath, item Item, label string,
	value []byte,
) (sessionbus.ObjectPath, error) {
	unlocked, locked, err := b.search(attributes(item))()
	switch {
	case err != nil:
		return "", err
	case len(unlocked) > 0:
		return unlocked[0], b.setSecret(unlocked[0], session, value)
	case len(locked) > 0:
		return "", ErrAsksForAccess
	}
	if err := b.checkAccess(collection); err != nil {
		return "", err
	}
	if err := b.subscribe(); err != nil {
		return "", err
	}
	path, prompt, err := b.createItem(collection, session, item, label, value, false)
	if err == nil && prompt != ssNone {
		err = b.prompt(ctx, prompt, &path)
	}
	if err != nil {
		return "", err
	}
	err = checkReadable(ctx, item)
	if errors.Is(err, ErrAsksForAccess) { // no other process can use it
		err = errors.Join(err, b.abandon(path, session))
	}
	return path, err
}

// abandonedService is the service of an item that no process can use. So it is not taken for a
// session that cannot be deleted.
const abandonedService = "aws-credproc-abandoned"

// abandon removes the secret of an item and changes its attributes. To delete it, KeePassXC would
// ask the user.
func (b *bus) abandon(item, session sessionbus.ObjectPath) error {
	attributes := sessionbus.Variant{Value: map[string]string{"service": abandonedService}}
	return errors.Join(b.setSecret(item, session, nil),
		b.call(item, dbusSet, ssItem, "Attributes", attributes)())
}

// emptyKeePassXC removes the secrets of items and returns the number of those that had one. It
// keeps the items, because KeePassXC asks the user before it deletes one, and then moves it with
// the secret to its recycle bin. An item without a secret counts as not found.
func (b *bus) emptyKeePassXC(items []sessionbus.ObjectPath) (n int, err error) {
	session, err := b.openSession()()
	if err != nil {
		return 0, err
	}
	for _, path := range items {
		value, err := b.secret(path, session)
		if err == nil && len(value) == 0 {
			continue
		}
		if err == nil {
			err = b.setSecret(path, session, nil)
		}
		switch {
		case err == nil:
			n++
		case !isGone(err):
			return n, err
		}
	}
	return n, nil
}

func (b *bus) setSecret(item, session sessionbus.ObjectPath, value []byte) error {
	return b.call(item, ssItem+".SetSecret", newSecret(session, value))()
}

// checkAccess returns ErrAsksForAccess if an item in an unlocked collection is locked. If there is
// no item, putKeePassXC finds that out.
func (b *bus) checkAccess(collection sessionbus.ObjectPath) error {
	var items []sessionbus.ObjectPath
	err := b.call(collection, dbusGet, ssCollection, "Items")(&items)
	if err != nil || len(items) == 0 {
		return err
	}
	var locked bool
	err = b.call(items[0], dbusGet, ssItem, "Locked")(&locked)
	if err == nil && locked {
		err = ErrAsksForAccess
	}
	return err
}

// checkReadable returns an error if another process would find an item locked.
func checkReadable(ctx context.Context, item Item) error {
	other, err := openBus(ctx)
	if err != nil {
		return err
	}
	defer other.Close()
	_, locked, err := other.search(attributes(item))()
	if err == nil && len(locked) > 0 {
		err = ErrAsksForAccess
	}
	return err
}
