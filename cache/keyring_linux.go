package cache

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/godbus/dbus/v5"
	ss "github.com/zalando/go-keyring/secret_service"
)

// The Secret Service (https://specifications.freedesktop.org/secret-service-spec/latest/), by calls of our own: those
// of go-keyring unlock, and so may raise a prompt, and start a daemon that is not there. Items are as go-keyring has
// them. Session encryption is "plain" as there: who can read the bus of this user can also ask it.
const (
	ssName       = "org.freedesktop.secrets"
	ssPath       = dbus.ObjectPath("/org/freedesktop/secrets")
	ssLogin      = ssPath + "/collection/login"
	ssService    = "org.freedesktop.Secret.Service"
	ssCollection = "org.freedesktop.Secret.Collection"
	ssItem       = "org.freedesktop.Secret.Item"
	ssPrompt     = "org.freedesktop.Secret.Prompt"
	ssNone       = dbus.ObjectPath("/") // no prompt, no collection
	dbusName     = "org.freedesktop.DBus"
	dbusGet      = dbusName + ".Properties.Get"
)

// keyringMaxItem: the Secret Service has no limit of its own, but whenever anything is kept in it, it writes all that it
// has anew (GNOME Keyring measured). Sessions as AWS makes them, below 4 KB, are items; a giant is not put upon
// everybody else's passwords.
const keyringMaxItem = 8 << 10

// keyringTells says that a call tells bounded of each answer.
const keyringTells = true

// maxItems bounds the items of one key that are opened. There is one, unless the default collection was changed.
const maxItems = 8

func (n itemName) attributes() map[string]string {
	return map[string]string{"service": n.service, "username": n.user}
}

// keyringGet gives the content of each unlocked item of a name; ErrMiss if there is none.
func keyringGet(ctx context.Context, name itemName) (items [][]byte, err error) {
	b, err := openBus(ctx)
	if err != nil {
		return nil, err
	}
	defer b.close()
	search, open := b.search(name.attributes()), b.openSession()
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
	for _, item := range unlocked[:min(len(unlocked), maxItems)] {
		var secret ss.Secret
		if err := b.call(item, ssItem+".GetSecret", session)(&secret); err != nil {
			if isGone(err) { // deleted since the search
				err = ErrMiss
			}
			return nil, err
		}
		items = append(items, secret.Value)
	}
	return items, nil
}

func keyringPut(ctx context.Context, name itemName, label string, value []byte) error {
	b, err := openBus(ctx)
	if err != nil {
		return err
	}
	defer b.close()
	_, err = b.put(name, label, value, func(dbus.ObjectPath) error { return nil })
	return err
}

// keyringPutLasting is keyringPut for what cannot be made anew: not in a collection that ends with the login, and in the
// place of every item of the name, of which there may be more than one where the default collection was changed.
func keyringPutLasting(ctx context.Context, name itemName, label string, value []byte) error {
	b, err := openBus(ctx)
	if err != nil {
		return err
	}
	defer b.close()
	item, err := b.put(name, label, value, b.checkLasts)
	if err != nil {
		return err
	}
	unlocked, _, err := b.search(name.attributes())()
	if err != nil {
		return err
	}
	if i := slices.Index(unlocked, item); i >= 0 {
		_, err = b.delete(slices.Delete(unlocked, i, i+1), nil)
	}
	return err
}

// put makes or replaces an item in the collection that is open, if check is nil of that.
func (b *bus) put(name itemName, label string, value []byte, check func(collection dbus.ObjectPath) error) (item dbus.ObjectPath, err error) {
	open := b.openSession()
	collection, err := b.openCollection()
	if err != nil {
		return "", err
	}
	session, err := open()
	if err == nil {
		err = check(collection)
	}
	if err != nil {
		return "", err
	}
	return b.create(collection, session, name, label, value)
}

// keyringDelete deletes the items of a name; ErrMiss if there is none.
func keyringDelete(ctx context.Context, name itemName) error {
	b, err := openBus(ctx)
	if err != nil {
		return err
	}
	defer b.close()
	unlocked, locked, err := b.search(name.attributes())()
	if err != nil {
		return err
	}
	if len(unlocked) == 0 {
		return b.absent(locked)
	}
	_, err = b.delete(unlocked, locked)
	return err
}

func keyringDeleteAll(ctx context.Context, _ []Key) (int, error) {
	b, err := openBus(ctx)
	if err != nil {
		return 0, err
	}
	defer b.close()
	unlocked, locked, err := b.search(map[string]string{"service": keyringService})()
	if err != nil {
		return 0, err
	}
	return b.delete(unlocked, locked)
}

func keyringLook(ctx context.Context) error {
	b, err := openBus(ctx)
	if err != nil {
		return err
	}
	defer b.close()
	_, err = b.openCollection()
	return err
}

// keyringUnlock unlocks the collection by the service's own prompt, for which it waits until person ends. The prompt
// is then left to the service: to dismiss one that is shown ends gnome-keyring 42.
func keyringUnlock(ctx, person context.Context) error {
	b, err := openBus(ctx)
	if err != nil {
		return err
	}
	defer b.close()
	path, locked, err := b.collection()
	if err != nil || !locked {
		return err
	}
	signals := make(chan *dbus.Signal, 16)
	b.conn.Signal(signals)
	for _, match := range [][]dbus.MatchOption{
		{dbus.WithMatchSender(ssName), dbus.WithMatchInterface(ssPrompt), dbus.WithMatchMember("Completed")},
		{dbus.WithMatchInterface(dbusName), dbus.WithMatchMember("NameOwnerChanged"), dbus.WithMatchArg(0, ssName)},
	} {
		if err := b.conn.AddMatchSignalContext(ctx, match...); err != nil {
			return fmt.Errorf("session bus: %w", err)
		}
	}
	var unlocked []dbus.ObjectPath
	var prompt dbus.ObjectPath
	if err := b.call(ssPath, ssService+".Unlock", []dbus.ObjectPath{path})(&unlocked, &prompt); err != nil {
		return err
	}
	if prompt != ssNone {
		if err := b.prompt(person, prompt, signals); err != nil {
			return err
		}
	}
	if _, locked, err = b.collection(); err == nil && locked {
		err = fmt.Errorf("%w still", ErrLocked)
	}
	return err
}

// prompt raises a prompt and waits for its end, or that of the person's time.
func (b *bus) prompt(person context.Context, prompt dbus.ObjectPath, signals <-chan *dbus.Signal) error {
	if err := b.call(prompt, ssPrompt+".Prompt", "")(); err != nil {
		return err
	}
	for {
		select {
		case <-person.Done():
			return context.Cause(person)
		case s, ok := <-signals:
			switch {
			case !ok:
				return errors.New("the session bus has ended")
			case s.Name == dbusName+".NameOwnerChanged":
				return fmt.Errorf("%w: the Secret Service has ended", ErrUnavailable)
			case s.Path == prompt && len(s.Body) > 0 && s.Body[0] == true:
				return fmt.Errorf("%w: its prompt was dismissed, or could not be shown", ErrLocked)
			case s.Path == prompt:
				return nil
			}
		}
	}
}

// bus is a connection to the session bus, on which the Secret Service has answered. Every call is sent with NoAutoStart,
// so that none starts a service, and at once; the function that a call returns waits for the answer. The connection ends
// with its context.
type bus struct {
	conn     *dbus.Conn
	answered func(ofService bool) // tells that there was an answer, of the service or of the bus alone
}

// reply waits for the answer to a call and stores what it returned.
type reply func(results ...any) error

// busAddress is the address of the session bus: ErrUnavailable if none is given. godbus would run dbus-launch for one,
// and leave a daemon behind.
func busAddress() (string, error) {
	if address := os.Getenv("DBUS_SESSION_BUS_ADDRESS"); address != "" {
		if strings.HasPrefix(address, "autolaunch:") {
			return "", fmt.Errorf("%w: DBUS_SESSION_BUS_ADDRESS names no session bus", ErrUnavailable)
		}
		return address, nil
	}
	dir := os.Getenv("XDG_RUNTIME_DIR")
	if !filepath.IsAbs(dir) {
		return "", fmt.Errorf("%w: there is no session bus", ErrUnavailable)
	}
	return "unix:path=" + dbus.EscapeBusAddressValue(filepath.Join(dir, "bus")), nil
}

func openBus(ctx context.Context) (*bus, error) {
	address, err := busAddress()
	if err != nil {
		return nil, err
	}
	conn, err := dbus.Dial(address, dbus.WithContext(ctx))
	for errors.Is(err, syscall.EAGAIN) {
		// More are waiting for the bus to take them than it lets wait. The kernel has no way to wait for that.
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(2 * time.Millisecond):
		}
		conn, err = dbus.Dial(address, dbus.WithContext(ctx))
	}
	if errors.Is(err, syscall.ENOENT) || errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ENOTDIR) {
		return nil, fmt.Errorf("%w: there is no session bus (%w)", ErrUnavailable, err)
	}
	if err != nil {
		return nil, fmt.Errorf("session bus: %w", err)
	}
	b := &bus{conn: conn, answered: func(bool) {}}
	if f, ok := ctx.Value(answeredKey{}).(func(bool)); ok {
		b.answered = f
	}
	if err := conn.Auth(nil); err != nil {
		b.close()
		return nil, fmt.Errorf("session bus: %w", err)
	}
	// Not conn.Hello, which waits: the bus takes what follows in order. The first call of the service is waited for,
	// though, and is one that needs nothing (an alias that there is not): until it has answered, gnome-keyring 42 may
	// forget a client as it learns of it. A SearchItems then fails, and an OpenSession ends the daemon.
	hello := conn.BusObject().Go(dbusName+".Hello", 0, make(chan *dbus.Call, 1))
	nothing := b.call(ssPath, ssService+".ReadAlias", "aws-credproc")
	if err := (<-hello.Done).Err; err != nil {
		b.close()
		return nil, fmt.Errorf("session bus: %w", err)
	}
	b.answered(false)
	var path dbus.ObjectPath
	if err := nothing(&path); err != nil {
		b.close()
		return nil, err
	}
	return b, nil
}

// close ends the connection, and with it the Secret Service session. Its error would tell that it had ended before.
func (b *bus) close() { _ = b.conn.Close() }

func (b *bus) call(path dbus.ObjectPath, method string, args ...any) reply {
	call := b.conn.Object(ssName, path).Go(method, dbus.FlagNoAutoStart, make(chan *dbus.Call, 1), args...)
	return func(results ...any) error {
		<-call.Done
		if call.Err == nil || errors.As(call.Err, new(dbus.Error)) { // else it is the end of the connection
			b.answered(true)
		}
		if err := call.Store(results...); err != nil {
			return busError(err)
		}
		return nil
	}
}

// serviceError is an error that the bus or the service answered, and that is none of ours.
type serviceError struct{ name, text string }

func (e serviceError) Error() string { return e.name + ": " + e.text }

// busError sorts the errors of the bus and the service into ours.
func busError(err error) error {
	var e dbus.Error
	if !errors.As(err, &e) {
		return fmt.Errorf("session bus: %w", err)
	}
	other := serviceError{clean(e.Name, 128), clean(e.Error(), 256)}
	switch e.Name {
	case "org.freedesktop.DBus.Error.NameHasNoOwner", "org.freedesktop.DBus.Error.ServiceUnknown":
		return fmt.Errorf("%w: no Secret Service runs", ErrUnavailable)
	case "org.freedesktop.DBus.Error.AccessDenied": // a sandbox
		return fmt.Errorf("%w: %w", ErrUnavailable, other)
	case "org.freedesktop.Secret.Error.IsLocked":
		return ErrLocked
	}
	return other
}

// isGone tells whether a call failed since its object is not there; gnome-keyring answers UnknownMethod then.
func isGone(err error) bool {
	var e serviceError
	return errors.As(err, &e) && slices.Contains([]string{"org.freedesktop.Secret.Error.NoSuchObject",
		"org.freedesktop.DBus.Error.UnknownObject", "org.freedesktop.DBus.Error.UnknownMethod"}, e.name)
}

// search looks for items in every collection. It never prompts: a locked item comes as such.
func (b *bus) search(attributes map[string]string) func() (unlocked, locked []dbus.ObjectPath, err error) {
	found := b.call(ssPath, ssService+".SearchItems", attributes)
	return func() (unlocked, locked []dbus.ObjectPath, err error) {
		err = found(&unlocked, &locked)
		return unlocked, locked, err
	}
}

func (b *bus) openSession() func() (dbus.ObjectPath, error) {
	opened := b.call(ssPath, ssService+".OpenSession", "plain", dbus.MakeVariant(""))
	return func() (path dbus.ObjectPath, err error) {
		var output dbus.Variant
		err = opened(&output, &path)
		return path, err
	}
}

// absent tells what it means that a search found no unlocked item: ErrLocked, also where an empty answer may only mean
// that a service does not search what is locked, else ErrMiss.
func (b *bus) absent(locked []dbus.ObjectPath) error {
	if len(locked) > 0 {
		return ErrLocked
	}
	if _, err := b.openCollection(); err != nil && !errors.Is(err, ErrUnavailable) {
		return err
	}
	return ErrMiss
}

// openCollection is collection, where a locked one is ErrLocked.
func (b *bus) openCollection() (dbus.ObjectPath, error) {
	path, locked, err := b.collection()
	if err == nil && locked {
		err = ErrLocked
	}
	return path, err
}

// collection is where go-keyring has its items: the collection `login`, else the default one. There may be none, which
// is ErrUnavailable since to create one raises a prompt.
func (b *bus) collection() (path dbus.ObjectPath, locked bool, err error) {
	all, byAlias := b.call(ssPath, dbusGet, ssService, "Collections"), b.call(ssPath, ssService+".ReadAlias", "default")
	var collections []dbus.ObjectPath
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
		return "", false, fmt.Errorf("%w: the Secret Service has neither a collection `login` nor a default one", ErrUnavailable)
	}
	err = b.call(path, dbusGet, ssCollection, "Locked")(&locked)
	return path, locked, err
}

// checkLasts refuses the collection that the service keeps in memory only, which may be the default one.
func (b *bus) checkLasts(collection dbus.ObjectPath) error {
	var memory dbus.ObjectPath
	if err := b.call(ssPath, ssService+".ReadAlias", "session")(&memory); err != nil && !errors.As(err, new(serviceError)) {
		return err // else a service that knows nothing by that name
	}
	if collection == memory {
		return fmt.Errorf("%w: the default collection of the Secret Service is the one that ends with the login", ErrUnavailable)
	}
	return nil
}

// create makes or replaces an item.
func (b *bus) create(collection, session dbus.ObjectPath, name itemName, label string, value []byte) (item dbus.ObjectPath, err error) {
	var prompt dbus.ObjectPath
	err = b.call(collection, ssCollection+".CreateItem", map[string]dbus.Variant{
		ssItem + ".Label":      dbus.MakeVariant(label),
		ssItem + ".Attributes": dbus.MakeVariant(name.attributes()),
	}, ss.NewSecret(session, string(value)), true)(&item, &prompt)
	if err != nil {
		return "", err
	}
	return item, b.dismiss(prompt)
}

// delete deletes unlocked items and says how many. Locked ones that are left are ErrLocked.
func (b *bus) delete(unlocked, locked []dbus.ObjectPath) (int, error) {
	n := 0
	for _, item := range unlocked {
		var prompt dbus.ObjectPath
		err := b.call(item, ssItem+".Delete")(&prompt)
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
		return n, ErrLocked
	}
	return n, nil
}

// dismiss answers a prompt that the service would raise before it does what it was asked for: no. That is ErrLocked.
func (b *bus) dismiss(prompt dbus.ObjectPath) error {
	if prompt == ssNone {
		return nil
	}
	return errors.Join(ErrLocked, b.call(prompt, ssPrompt+".Dismiss")())
}
