package cache

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"

	"aws-credproc/cache/statedir"
)

// refusingKernel is a kernel keyring whose calls fail.
type refusingKernel struct{ err error }

func (k refusingKernel) read(string) ([]byte, error) { return nil, k.err }

func (k refusingKernel) add(string, []byte) error { return k.err }

func (k refusingKernel) probe() error { return k.err }

// noKernel fails as in a container.
var noKernel = refusingKernel{fmt.Errorf("%w: kernel keyring: EPERM", ErrUnavailable)}

// forgetfulKernel loses a key immediately, as when the user keyring is cleared.
type forgetfulKernel struct{}

func (forgetfulKernel) read(string) ([]byte, error) { return nil, errNoKernelKey }

func (forgetfulKernel) add(string, []byte) error { return nil }

func (forgetfulKernel) probe() error { return nil }

func TestKernelStoreWithoutAKernelKeyring(t *testing.T) {
	for name, tc := range map[string]struct {
		kernel kernelKeys
		want   error
	}{
		"refused":   {noKernel, ErrUnavailable},
		"broken":    {refusingKernel{os.ErrInvalid}, os.ErrInvalid},
		"forgetful": {forgetfulKernel{}, ErrUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			c, _ := openTest(t, Kernel, "")
			c.stores.kernel = tc.kernel
			if _, err := c.Put(t.Context(), testKey, testSession(),
				testFacts()); !errors.Is(err, tc.want) {
				t.Errorf("put: %v", err)
			}
			if entries, err := os.ReadDir(sessionsDir(c.opts.Dir)); err == nil || len(entries) > 0 {
				t.Errorf("something was written: %v", entries)
			}
			if err := c.Delete(t.Context(), testKey); err != nil {
				t.Errorf("delete: %v", err)
			}
		})
	}
}

func TestSealedNamesRoundTrip(t *testing.T) {
	for _, tc := range []struct {
		store Choice
		id    string
	}{{File, ""}, {Kernel, "abc"}} {
		name := sealedName(testKey, tc.store, tc.id)
		if key, store, id, ok := parseSealedName(name); !ok || key != testKey ||
			store != tc.store || id != tc.id {
			t.Errorf("%s: %v, %v, %v, %v", name, key, store, id, ok)
		}
	}
	for _, bad := range []string{"", ".", statedir.TempPrefix + "x", testKey.String() + ".",
		testKey.String() + ".kernel", testKey.String() + ".kernel.a.b", "x.kernel.a"} {
		if _, _, _, ok := parseSealedName(bad); ok {
			t.Errorf("%q was accepted", bad)
		}
	}
	if slices.Contains(Choices(), Choice("")) {
		t.Error("a store without a name")
	}
}
