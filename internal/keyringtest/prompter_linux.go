package keyringtest

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
	"slices"
	"strings"
	"sync"

	"github.com/godbus/dbus/v5"
)

// prompter takes the place of gcr's system prompter, which shows the dialogs of gnome-keyring. It
// counts them, shows one at a time, and lets the user of the desktop answer.
type prompter struct {
	d *Desktop

	mu      sync.Mutex
	dialogs []dialog          // the first one is shown
	then    map[uint32]func() // what to do after the reply to a call, by its serial
}

type dialog struct {
	sender   dbus.Sender
	callback dbus.ObjectPath
}

// A User answers dialogs: with a password, or by closing them if it is empty.
type User struct {
	Password string
	Absent   bool // does not answer
}

const (
	prompterName = "org.gnome.keyring.SystemPrompter"
	prompterPath = "/org/gnome/keyring/Prompter"
	prompterFace = "org.gnome.keyring.internal.Prompter"
)

// StartPrompter allows dialogs to be shown.
func (d *Desktop) StartPrompter() {
	d.t.Helper()
	if err := d.Conn.Export(d.prompter, prompterPath, prompterFace); err != nil {
		d.t.Fatal(err)
	}
	if _, err := d.Conn.RequestName(prompterName, dbus.NameFlagDoNotQueue); err != nil {
		d.t.Fatal(err)
	}
}

// StopPrompter prevents dialogs from being shown, as over SSH.
func (d *Desktop) StopPrompter() {
	d.t.Helper()
	if _, err := d.Conn.ReleaseName(prompterName); err != nil {
		d.t.Fatal(err)
	}
}

// sent is called for each message that the connection of the desktop sends. It runs the function
// that afterReply has set for the message. A signal that gcr receives before the reply to its call
// is ignored, and gcr would wait forever.
func (p *prompter) sent(m *dbus.Message) {
	if m.Type != dbus.TypeMethodReply {
		return
	}
	serial, _ := m.Headers[dbus.FieldReplySerial].Value().(uint32)
	p.mu.Lock()
	then := p.then[serial]
	delete(p.then, serial)
	p.mu.Unlock()
	if then != nil {
		go func() {
			// The bus has handled the reply when it has answered a later call.
			_ = p.d.Conn.BusObject().Call("org.freedesktop.DBus.GetId", 0).Err
			then()
		}()
	}
}

// afterReply calls do after the reply to a call. The caller holds mu.
func (p *prompter) afterReply(call dbus.Message, do func()) {
	if p.then == nil {
		p.then = map[uint32]func(){}
	}
	p.then[call.Serial()] = do
}

func (p *prompter) ready(d dialog, reply, exchange string) {
	p.d.Conn.Object(string(d.sender), d.callback).Go(prompterFace+".Callback.PromptReady", 0, nil,
		reply, map[string]dbus.Variant{}, exchange)
}

func (p *prompter) BeginPrompting(
	call dbus.Message, sender dbus.Sender, callback dbus.ObjectPath,
) *dbus.Error {
	p.d.Prompts.Add(1)
	if p.d.User.Load() == nil {
		return dbus.MakeFailedError(errors.New("no user"))
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dialogs = append(p.dialogs, dialog{sender, callback})
	if len(p.dialogs) == 1 {
		p.afterReply(call, func() { p.ready(dialog{sender, callback}, "", "") })
	}
	return nil
}

func (p *prompter) PerformPrompt(
	call dbus.Message, sender dbus.Sender, callback dbus.ObjectPath,
	_ string, _ map[string]dbus.Variant, exchange string,
) *dbus.Error {
	user := p.d.User.Load()
	if user == nil {
		return dbus.MakeFailedError(errors.New("no user"))
	}
	reply, sealed := "no", ""
	if user.Password != "" {
		var err error
		if sealed, err = sealPassword(exchange, user.Password); err != nil {
			return dbus.MakeFailedError(err)
		}
		reply = "yes"
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.afterReply(call, func() {
		if user.Absent {
			<-p.d.t.Context().Done()
		}
		p.ready(dialog{sender, callback}, reply, sealed)
	})
	return nil
}

func (p *prompter) StopPrompting(
	call dbus.Message, sender dbus.Sender, callback dbus.ObjectPath,
) *dbus.Error {
	p.mu.Lock()
	defer p.mu.Unlock()
	wasShown := len(p.dialogs) > 0 && p.dialogs[0].callback == callback
	isStopped := func(d dialog) bool { return d.callback == callback }
	p.dialogs = slices.DeleteFunc(p.dialogs, isStopped)
	next := slices.Clone(p.dialogs[:min(len(p.dialogs), 1)])
	p.afterReply(call, func() {
		p.d.Conn.Object(string(sender), callback).Go(prompterFace+".Callback.PromptDone", 0, nil)
		if wasShown && len(next) > 0 {
			p.ready(next[0], "", "")
		}
	})
	return nil
}

// modp1536 is the prime of group 5 (RFC 3526).
var modp1536, _ = new(big.Int).SetString(strings.ReplaceAll(`
FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74
020BBEA63B139B22514A08798E3404DDEF9519B3CD3A431B302B0A6DF25F1437
4FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED
EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3DC2007CB8A163BF05
98DA48361C55D39A69163FA8FD24CF5F83655D23DCA3AD961C62F356208552BB
9ED529077096966D670C354E4ABC9804F1746C08CA237327FFFFFFFFFFFFFFFF`, "\n", ""), 16)

// sealPassword returns the answer to gcr's secret exchange "sx-aes-1": Diffie-Hellman, HKDF,
// AES-128-CBC.
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
	key, err := hkdf.Key(sha256.New, shared.FillBytes(make([]byte, modp1536.BitLen()/8)), nil, "",
		16)
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
	return fmt.Sprintf("[sx-aes-1]\npublic=%s\nsecret=%s\niv=%s\n",
		b64(own.Bytes()), b64(secret), b64(iv)), nil
}
