package keyring

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"unicode"

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
	name, err := b.lateWriter()
	return name != "", err
}

// lateWriter returns which of the lateWriters the Secret Service is, "" if it is not one of them.
func (b *bus) lateWriter() (string, error) {
	for _, name := range lateWriters {
		if owner, err := b.owner(name); err != nil || owner == b.service {
			return name, err
		}
	}
	return "", nil
}

// written returns where the Secret Service writes a stored secret to.
func written(ctx context.Context) (destination, error) {
	b, err := openBus(ctx)
	if err != nil {
		return destination{}, err
	}
	defer b.close()
	name, err := b.lateWriter()
	if err != nil || name == "" || name == keePassXC {
		return destination{late: name != ""}, err
	}
	collection, _, err := b.collection()
	if err != nil {
		return destination{}, err
	}
	var wallet string
	err = b.call(collection, dbusGet, ssCollection, "Label")(&wallet)
	return destination{late: true, path: walletFile(wallet)}, err
}

// walletFile returns the path of a wallet's file, "" if it is unknown. KWallet encodes characters
// of some names.
func walletFile(wallet string) string {
	if wallet == "" || strings.ContainsFunc(wallet, func(r rune) bool {
		return r != '-' && r != '_' && r != ' ' && !unicode.IsLetter(r) && !unicode.IsDigit(r)
	}) {
		return ""
	}
	data := os.Getenv("XDG_DATA_HOME")
	if !filepath.IsAbs(data) {
		home, err := os.UserHomeDir()
		if err != nil {
			return ""
		}
		data = filepath.Join(home, ".local", "share")
	}
	return filepath.Join(data, "kwalletd", wallet+".kwl")
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
