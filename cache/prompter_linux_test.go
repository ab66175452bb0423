package cache

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"strings"

	"github.com/godbus/dbus/v5"
)

// prompter stands where the dialogs of gnome-keyring come from (gcr's system prompter). It counts them, and the desktop's
// person answers.
type prompter struct{ d *desktop }

// person answers a dialog: with a password, or by closing it where that is empty; not before it may.
type person struct {
	password string
	may      chan struct{} // nil: at once
}

// late is a person who does not answer until the channel is closed.
func late(password string) *person { return &person{password, make(chan struct{})} }

const (
	prompterName = "org.gnome.keyring.SystemPrompter"
	prompterPath = "/org/gnome/keyring/Prompter"
	prompterFace = "org.gnome.keyring.internal.Prompter"
)

func (d *desktop) startPrompter() {
	d.t.Helper()
	if err := d.conn.Export(prompter{d}, prompterPath, prompterFace); err != nil {
		d.t.Fatal(err)
	}
	if _, err := d.conn.RequestName(prompterName, dbus.NameFlagDoNotQueue); err != nil {
		d.t.Fatal(err)
	}
}

func (p prompter) ready(sender dbus.Sender, callback dbus.ObjectPath, reply, exchange string) {
	p.d.conn.Object(string(sender), callback).Go(prompterFace+".Callback.PromptReady", 0, nil, reply, map[string]dbus.Variant{}, exchange)
}

func (p prompter) BeginPrompting(sender dbus.Sender, callback dbus.ObjectPath) *dbus.Error {
	p.d.prompts.Add(1)
	if p.d.person.Load() == nil {
		return dbus.MakeFailedError(errors.New("nobody is here"))
	}
	go p.ready(sender, callback, "", "")
	return nil
}

func (p prompter) PerformPrompt(sender dbus.Sender, callback dbus.ObjectPath, _ string, _ map[string]dbus.Variant, exchange string) *dbus.Error {
	who := p.d.person.Load()
	if who == nil {
		return dbus.MakeFailedError(errors.New("nobody is here"))
	}
	reply, sealed := "no", ""
	if who.password != "" {
		var err error
		if sealed, err = sealPassword(exchange, who.password); err != nil {
			return dbus.MakeFailedError(err)
		}
		reply = "yes"
	}
	go func() {
		if who.may != nil {
			<-who.may
		}
		p.ready(sender, callback, reply, sealed)
	}()
	return nil
}

func (p prompter) StopPrompting(dbus.Sender, dbus.ObjectPath) *dbus.Error { return nil }

// modp1536 is the prime of group 5 (RFC 3526).
var modp1536, _ = new(big.Int).SetString(strings.ReplaceAll(`
FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74
020BBEA63B139B22514A08798E3404DDEF9519B3CD3A431B302B0A6DF25F1437
4FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED
EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3DC2007CB8A163BF05
98DA48361C55D39A69163FA8FD24CF5F83655D23DCA3AD961C62F356208552BB
9ED529077096966D670C354E4ABC9804F1746C08CA237327FFFFFFFFFFFFFFFF`, "\n", ""), 16)

// sealPassword answers gcr's exchange of secrets, "sx-aes-1": Diffie-Hellman, HKDF, AES-128-CBC.
func sealPassword(exchange, password string) (string, error) {
	_, public, ok := strings.Cut(exchange, "public=")
	public, _, _ = strings.Cut(public, "\n")
	peer, err := base64.StdEncoding.DecodeString(public)
	if !ok || err != nil {
		return "", fmt.Errorf("no public key: %w", err)
	}
	private, err := rand.Int(rand.Reader, modp1536)
	if err != nil {
		return "", err
	}
	shared := new(big.Int).Exp(new(big.Int).SetBytes(peer), private, modp1536)
	key, err := hkdf.Key(sha256.New, shared.FillBytes(make([]byte, modp1536.BitLen()/8)), nil, "", 16)
	if err != nil {
		return "", err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return "", err
	}
	iv := make([]byte, aes.BlockSize)
	rand.Read(iv)
	padding := aes.BlockSize - len(password)%aes.BlockSize
	secret := append([]byte(password), bytes.Repeat([]byte{byte(padding)}, padding)...)
	cipher.NewCBCEncrypter(block, iv).CryptBlocks(secret, secret)
	b64 := base64.StdEncoding.EncodeToString
	own := new(big.Int).Exp(big.NewInt(2), private, modp1536)
	return fmt.Sprintf("[sx-aes-1]\npublic=%s\nsecret=%s\niv=%s\n", b64(own.Bytes()), b64(secret), b64(iv)), nil
}
