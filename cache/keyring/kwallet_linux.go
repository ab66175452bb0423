package keyring

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"os"
	"strings"
	"time"
	"unicode"

	"aws-credproc/internal/files"
	"aws-credproc/internal/ospath"
	"aws-credproc/internal/sessionbus"
)

// kwallets are the bus names of KWallet, of KDE Frameworks 5 and 6. It keeps a new secret in memory
// and writes it to disk some seconds later.
var kwallets = []string{"org.kde.kwalletd5", "org.kde.kwalletd6", "org.kde.ksecretd"}

// kwallet returns which of the kwallets the Secret Service is, "" if it is not KWallet.
func (b *bus) kwallet() (string, error) {
	for _, name := range kwallets {
		if owner, err := b.owner(name); err != nil || owner == b.service {
			return name, err
		}
	}
	return "", nil
}

// changeKWallet changes the secret of an item in a collection of KWallet. It returns "" if it has
// not, because there is no such item or for another reason.
//
// To replace an item, KWallet would delete it, with its attributes on disk, and create another one,
// whose secret it writes later. If it is killed in between, both secrets are lost.
func (b *bus) changeKWallet(
	collection, session sessionbus.ObjectPath, item Item, value []byte,
) sessionbus.ObjectPath {
	name, err := b.kwallet()
	if err != nil || name == "" {
		return ""
	}
	unlocked, _, err := b.search(attributes(item))()
	if err != nil {
		return ""
	}
	for _, path := range unlocked {
		isInside := strings.HasPrefix(string(path), string(collection)+"/")
		if isInside && b.setSecret(path, session, value) == nil {
			return path
		}
	}
	return ""
}

// written returns where the Secret Service writes a stored secret to. If that is KWallet, it asks it
// to write now.
//
// GNOME Keyring writes before it replies, and reports a failure. KeePassXC writes soon, or when the
// user saves the database. oo7 0.7 reports success if its disk is full. Of others, nothing is known.
func written(ctx context.Context) (destination, error) {
	b, err := openBus(ctx)
	if err != nil {
		return destination{}, err
	}
	defer b.Close()
	if owner, err := b.owner(gnomeName); err != nil || owner == b.service {
		return destination{}, err
	}
	name, err := b.kwallet()
	if err != nil || name == "" {
		return destination{late: true}, err
	}
	collection, _, err := b.collection()
	if err != nil {
		return destination{}, err
	}
	var wallet string
	if err := b.call(collection, dbusGet, ssCollection, "Label")(&wallet); err != nil {
		return destination{}, err
	}
	d := destination{late: true, path: walletFile(wallet)}
	if d.was, err = os.Stat(d.path); err == nil && !promptsOnOpen() {
		b.writeWallet(ctx, name, wallet)
	}
	return d, nil
}

// kwalletClient is the name under which KWallet knows this program.
const kwalletClient = "aws-credproc"

// writeWallet asks KWallet to write an open wallet to disk. It ignores errors: KWallet writes the
// wallet some seconds later in any case. A wallet that is closed is not opened, since KWallet would
// show a window.
func (b *bus) writeWallet(ctx context.Context, name, wallet string) {
	ctx, cancel := context.WithTimeout(ctx, writeWalletLimit)
	defer cancel()
	defer context.AfterFunc(ctx, b.Close)()
	object := sessionbus.ObjectPath("/modules/" + strings.TrimPrefix(name, "org.kde."))
	call := func(method string, args ...any) func(results ...any) (string, error) {
		return b.Call(b.service, object, "org.kde.KWallet."+method, args...).Wait
	}
	var isOpen bool
	var handle int32
	if _, err := call("isOpen", wallet)(&isOpen); err != nil || !isOpen {
		return
	}
	if _, err := call("open", wallet, int64(0), kwalletClient)(&handle); err != nil {
		return
	}
	_, _ = call("sync", handle, kwalletClient)()
	_, _ = call("close", handle, false, kwalletClient)()
}

// promptsOnOpen reports whether KWallet may show a window to each program that opens a wallet which
// is already open: the setting "Prompt when an application accesses a wallet", which is off by
// default.
func promptsOnOpen() bool {
	dirs := strings.Split(cmp.Or(os.Getenv("XDG_CONFIG_DIRS"), "/etc/xdg"), ":")
	own, err := os.UserConfigDir()
	if err != nil {
		return true
	}
	for _, dir := range append(dirs, own) {
		text, err := files.Read(ospath.Join(dir, "kwalletrc"), maxKWalletConfig)
		switch {
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission):
			// KWallet cannot read it either.
		case err != nil || hasPromptOnOpen(string(text)):
			return true
		}
	}
	return false
}

// hasPromptOnOpen reports whether a line of KWallet's settings may turn on "Prompt on Open". A key can
// have options in brackets after it.
func hasPromptOnOpen(text string) bool {
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(line, "=")
		key, _, _ = strings.Cut(key, "[")
		switch strings.ToLower(strings.TrimSpace(value)) {
		case "", "false", "0", "off", "no":
			continue
		}
		if strings.TrimSpace(key) == "Prompt on Open" {
			return true
		}
	}
	return false
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
	if !ospath.IsAbs(data) {
		home, err := os.UserHomeDir()
		if err != nil {
			return ""
		}
		data = ospath.Join(home, ".local", "share")
	}
	return ospath.Join(data, "kwalletd", wallet+".kwl")
}

const (
	// writeWalletLimit is how long KWallet may take to write a wallet when it is asked to.
	writeWalletLimit = time.Second
	// maxKWalletConfig is larger than any kwalletrc.
	maxKWalletConfig = 1 << 20
)

// owner returns the unique name of the connection that owns a bus name, "" if there is none.
func (b *bus) owner(name string) (owner string, err error) {
	err = b.callBus("GetNameOwner", name)(&owner)
	if errors.Is(err, errNoService) {
		return "", nil
	}
	if err == nil {
		b.answered(true)
	}
	return owner, err
}
