package cache

import (
	"context"

	"github.com/godbus/dbus/v5"
	ss "github.com/zalando/go-keyring/secret_service"
)

// secretAttributes are those of go-keyring's items, as for sessions.
func secretAttributes(service, user string) map[string]string {
	return map[string]string{"service": service, "username": user}
}

func secretGet(ctx context.Context, service, user string) ([]byte, error) {
	b, err := openBus(ctx)
	if err != nil {
		return nil, err
	}
	defer b.close()
	search, open := b.search(secretAttributes(service, user)), b.openSession()
	unlocked, locked, err := search()
	if err != nil {
		return nil, err
	}
	if len(unlocked) == 0 {
		return nil, b.absent(locked)
	}
	session, err := open()
	if err != nil {
		return nil, err
	}
	var secret ss.Secret
	if err := b.call(unlocked[0], ssItem+".GetSecret", session)(&secret); err != nil {
		if isGone(err) { // deleted since the search
			err = ErrMiss
		}
		return nil, err
	}
	return secret.Value, nil
}

func secretSet(ctx context.Context, service, user, label, secret string) error {
	b, err := openBus(ctx)
	if err != nil {
		return err
	}
	defer b.close()
	open := b.openSession()
	collection, err := b.openCollection()
	if err != nil {
		return err
	}
	session, err := open()
	if err != nil {
		return err
	}
	var item, prompt dbus.ObjectPath
	err = b.call(collection, ssCollection+".CreateItem", map[string]dbus.Variant{
		ssItem + ".Label":      dbus.MakeVariant(label),
		ssItem + ".Attributes": dbus.MakeVariant(secretAttributes(service, user)),
	}, ss.NewSecret(session, secret), true)(&item, &prompt)
	if err != nil {
		return err
	}
	return b.dismiss(prompt)
}

func secretDelete(ctx context.Context, service, user string) error {
	b, err := openBus(ctx)
	if err != nil {
		return err
	}
	defer b.close()
	unlocked, locked, err := b.search(secretAttributes(service, user))()
	if err != nil {
		return err
	}
	if len(unlocked) == 0 {
		return b.absent(locked)
	}
	_, err = b.delete(unlocked, locked)
	return err
}
