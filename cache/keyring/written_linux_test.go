package keyring

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"aws-credproc/internal/keyringapi"
	"aws-credproc/internal/keyringtest"
)

// writeWallet writes the file of KWallet's wallet, with the current time.
func writeWallet(t *testing.T) (path string) {
	t.Helper()
	path = filepath.Join(os.Getenv("XDG_DATA_HOME"), "kwalletd", keyringtest.Wallet+".kwl")
	err := os.MkdirAll(filepath.Dir(path), 0o700)
	if err == nil {
		err = os.WriteFile(path, nil, 0o600)
	}
	if err != nil {
		t.Error(err)
	}
	return path
}

func TestWaitWritten(t *testing.T) {
	for name, test := range map[string]struct {
		service keyringtest.Behavior
		file    bool // KWallet has a file
		want    bool
	}{
		"KWallet":              {keyringtest.Behavior{IsKWallet: true}, true, true},
		"KWallet without file": {keyringtest.Behavior{IsKWallet: true}, false, false},
		"KeePassXC":            {keyringtest.Behavior{IsKeePassXC: true}, true, false},
		"oo7":                  {keyringtest.Behavior{}, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			keyringtest.StartStandIn(t, test.service)
			t.Setenv("XDG_DATA_HOME", t.TempDir())
			if test.file {
				old := time.Now().Add(-time.Hour)
				if err := os.Chtimes(writeWallet(t), old, old); err != nil {
					t.Fatal(err)
				}
			}
			k := new(Keyring)
			if err := k.PutPersistent(t.Context(), testItem, "", []byte("x")); err != nil {
				t.Fatal(err)
			}
			stored := time.Now()
			later := time.AfterFunc(200*time.Millisecond, func() {
				if test.file {
					writeWallet(t)
				}
			})
			defer later.Stop()
			got, err := k.WaitWritten(t.Context(), testItem, []byte("x"), stored)
			if got != test.want || err != nil {
				t.Errorf("got %v, %v", got, err)
			}
			if took := time.Since(stored); name == "KWallet" && took < 200*time.Millisecond {
				t.Errorf("returned after %v, before the file was written", took)
			}
		})
	}
}

func TestGNOMEKeyringHasWritten(t *testing.T) {
	keyringtest.Start(t)
	k := new(Keyring)
	if err := k.PutPersistent(t.Context(), testItem, "", []byte("x")); err != nil {
		t.Fatal(err)
	}
	got, err := k.WaitWritten(t.Context(), testItem, []byte("x"), time.Now())
	if !got || err != nil {
		t.Errorf("got %v, %v", got, err)
	}
}

// A KWallet that was killed and started again writes a file without the secret, or with an older one.
func TestWaitWrittenReadsTheSecretAgain(t *testing.T) {
	for name, lose := range map[string]func(*keyringtest.StandIn, *Keyring){
		"gone": func(s *keyringtest.StandIn, _ *Keyring) { s.ForgetSecrets() },
		"older": func(_ *keyringtest.StandIn, k *Keyring) {
			if err := k.PutPersistent(t.Context(), testItem, "", []byte("older")); err != nil {
				t.Error(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := keyringtest.StartStandIn(t, keyringtest.Behavior{
				IsKWallet: true, Sync: func() { writeWallet(t) },
			})
			t.Setenv("XDG_CONFIG_HOME", t.TempDir())
			t.Setenv("XDG_DATA_HOME", t.TempDir())
			writeWallet(t)
			k := new(Keyring)
			if err := k.PutPersistent(t.Context(), testItem, "", []byte("x")); err != nil {
				t.Fatal(err)
			}
			stored := time.Now()
			lose(s, k)
			got, err := k.WaitWritten(t.Context(), testItem, []byte("x"), stored)
			if got || !errors.Is(err, keyringapi.ErrLost) {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
}

func TestHasPromptOnOpen(t *testing.T) {
	for line, want := range map[string]bool{
		"Prompt on Open=true": true, "Prompt on Open = true\r": true, "Prompt on Open[$i]=1": true,
		" Prompt on Open=On": true, "Prompt on Open=false": false, "Prompt on Open=0": false,
		"Prompt on Open": false, "Prompt on Openings=true": false, "Other=Prompt on Open=true": false,
	} {
		if got := hasPromptOnOpen("[Wallet]\n" + line + "\nEnabled=true\n"); got != want {
			t.Errorf("%q: got %v", line, got)
		}
	}
}

// KWallet writes the wallet when it is asked to, and shows no window.
func TestWaitWrittenAsksKWallet(t *testing.T) {
	for name, test := range map[string]struct {
		config       string
		closed, want bool
	}{
		"default":                     {"", false, true},
		"KWallet would ask each time": {"[Wallet]\nPrompt on Open=true\n", false, false},
		"the wallet was closed":       {"", true, false},
		"the setting is off":          {"[Wallet]\nPrompt on Open=false\n", false, true},
	} {
		t.Run(name, func(t *testing.T) {
			s := keyringtest.StartStandIn(t, keyringtest.Behavior{
				IsKWallet: true, Sync: func() { writeWallet(t) },
			})
			config := t.TempDir()
			t.Setenv("XDG_CONFIG_HOME", config)
			t.Setenv("XDG_DATA_HOME", t.TempDir())
			err := os.WriteFile(filepath.Join(config, "kwalletrc"), []byte(test.config), 0o600)
			if err != nil {
				t.Fatal(err)
			}
			before := writeWallet(t)
			// A time that is later than that of the file, as a coarse clock has it.
			stored := time.Now().Add(time.Hour)
			if err := os.Chtimes(before, stored.Add(-time.Minute), stored.Add(-time.Minute)); err != nil {
				t.Fatal(err)
			}
			s.SetLocked(test.closed)
			d, err := run(t.Context(), new(Keyring), readLimits, written)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := d.wait(t.Context(), stored, time.Millisecond); got != test.want || err != nil {
				t.Errorf("got %v, %v", got, err)
			}
			if n := s.Windows(); n > 0 {
				t.Errorf("%d windows", n)
			}
		})
	}
}

func TestWaitWrittenEnds(t *testing.T) {
	t.Setenv("XDG_DATA_HOME", t.TempDir())
	d := destination{late: true, path: writeWallet(t)}
	future := time.Now().Add(time.Hour)
	if got, err := d.wait(t.Context(), future, time.Millisecond); got || err != nil {
		t.Errorf("not written: %v, %v", got, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got, err := d.wait(ctx, future, time.Hour); got || !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v, %v", got, err)
	}
}

func TestWalletFile(t *testing.T) {
	t.Setenv("XDG_DATA_HOME", "/data")
	for wallet, want := range map[string]string{
		"kdewallet": "/data/kwalletd/kdewallet.kwl", "My wallet-2": "/data/kwalletd/My wallet-2.kwl",
		"": "", "../x": "", "a/b": "", "a\x00b": "",
	} {
		if got := walletFile(wallet); got != want {
			t.Errorf("%q: got %q, want %q", wallet, got, want)
		}
	}
	t.Setenv("XDG_DATA_HOME", "relative")
	t.Setenv("HOME", "/home/jill")
	if got := walletFile("w"); got != "/home/jill/.local/share/kwalletd/w.kwl" {
		t.Errorf("default: %q", got)
	}
}
