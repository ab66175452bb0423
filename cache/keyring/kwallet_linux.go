package keyring

import (
	"context"
	"errors"

	"github.com/godbus/dbus/v5"
)

// lateWriters are the bus names of services that keep a new secret in memory and write it to disk
// later: KWallet of KDE Frameworks 5 and 6 after some seconds, KeePassXC soon, or when the user
// saves the database.
var lateWriters = []string{
	"org.kde.kwalletd5", "org.kde.kwalletd6", "org.kde.ksecretd", keePassXC,
}

// writesLate reports whether the Secret Service is one of the lateWriters.
func writesLate(ctx context.Context) (bool, error) {
	b, err := openBus(ctx)
	if err != nil {
		return false, err
	}
	defer b.close()
	for _, name := range lateWriters {
		if owner, err := b.owner(name); err != nil || owner == b.service {
			return err == nil, err
		}
	}
	return false, nil
}

// owner returns the unique name of the connection that owns a bus name, "" if there is none.
func (b *bus) owner(name string) (owner string, err error) {
	err = (<-b.callBus("GetNameOwner", name).Done).Store(&owner)
	var e dbus.Error
	if errors.As(err, &e) && e.Name == "org.freedesktop.DBus.Error.NameHasNoOwner" {
		return "", nil
	}
	if err != nil {
		return "", translate(err)
	}
	b.answered(true)
	return owner, nil
}
