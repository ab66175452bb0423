package cache

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"time"
)

// kernelID is the file of the identifier that the kernel key of a state directory carries: several state directories
// may share a user keyring, as those of containers do, and none may take another's key for its own.
const kernelID = "kernel.id"

// kernelKeyLife is how long the kernel keeps the key after it was last used: as long as the longest session.
const kernelKeyLife = 36 * time.Hour

// errNoKernelKey says that the kernel holds no such key: none was made, it has timed out, or it was revoked.
var errNoKernelKey = errors.New("no key in the kernel keyring")

// kernelKeys is the kernel's keyring of this user; see osKernel. An error that wraps ErrUnavailable says that it is out
// of reach here.
type kernelKeys interface {
	// read gives a key and lets it live for another kernelKeyLife; errNoKernelKey if there is none that we may read.
	read(description string) ([]byte, error)
	// add makes or replaces a key, that every process of this user can read until it goes unused for kernelKeyLife.
	add(description string, payload []byte) error
	// probe tells whether add would work.
	probe() error
}

// kernelStore keeps sealed files, and the key to them in the kernel: nothing is readable on disk, and nothing is left
// at reboot. The key has a random name, which the files bear. So where a state directory is shared (a home on NFS, user
// namespaces that see the same files) each kernel has a key and files of its own, and a file whose key is gone is no
// damage but a miss.
type kernelStore struct {
	dir    *stateDir
	kernel kernelKeys
}

// sealingKey is a kernel key's payload.
type sealingKey struct {
	key  [sealKeySize]byte
	name [16]byte
}

func (k sealingKey) fileOf(key Key) string {
	return sealedName(key, Kernel, fmt.Sprintf("%x", k.name))
}

func (st kernelStore) Get(_ context.Context, key Key) (Session, error) {
	k, err := st.sealKey()
	if errors.Is(err, errNoKernelKey) {
		return Session{}, ErrMiss
	}
	if err != nil {
		return Session{}, fmt.Errorf("kernel store: %w", err)
	}
	b, err := st.dir.readSealed(k.fileOf(key))
	if errors.Is(err, fs.ErrNotExist) {
		return Session{}, ErrMiss
	}
	if err != nil {
		return Session{}, fmt.Errorf("kernel store: %w", err)
	}
	s, err := unseal(k.key[:], key, b)
	if err != nil {
		return Session{}, fmt.Errorf("kernel store: %w", err)
	}
	return s, nil
}

func (st kernelStore) Put(ctx context.Context, key Key, s Session) error {
	k, err := st.sealKey()
	if errors.Is(err, errNoKernelKey) {
		k, err = st.makeSealKey(ctx)
	}
	if err == nil {
		err = st.dir.writeSealed(k.fileOf(key), k.key[:], key, s)
	}
	if err != nil {
		return fmt.Errorf("kernel store: %w", err)
	}
	return nil
}

func (st kernelStore) Delete(_ context.Context, key Key) error {
	if _, err := st.dir.removeSealed(Kernel, only(key)); err != nil {
		return fmt.Errorf("kernel store: %w", err)
	}
	return nil
}

// clear removes every sealed file of this store and says of how many sessions. The key stays, for a process that seals
// with it at this moment.
func (st kernelStore) clear() (int, error) {
	keys := map[Key]bool{} // a key that is gone leaves a file, too
	_, err := st.dir.removeSealed(Kernel, func(key Key, _ string) bool {
		keys[key] = true
		return true
	})
	if err != nil {
		return len(keys), fmt.Errorf("kernel store: %w", err)
	}
	return len(keys), nil
}

// look tells whether Put would find the kernel keyring in reach. There need be no state directory yet.
func (st kernelStore) look() error {
	if st.dir != nil {
		if _, err := st.sealKey(); err == nil {
			return nil
		}
	}
	if err := st.kernel.probe(); err != nil {
		return fmt.Errorf("kernel store: %w", err)
	}
	return nil
}

// sealKey reads the key; errNoKernelKey if there is none, or one that is not ours.
func (st kernelStore) sealKey() (k sealingKey, err error) {
	id, err := st.id()
	if err != nil {
		return k, err
	}
	b, err := st.kernel.read(kernelDescription(id))
	if err != nil {
		return k, err
	}
	if len(b) != len(k.key)+len(k.name) {
		return k, errNoKernelKey
	}
	copy(k.key[:], b)
	copy(k.name[:], b[len(k.key):])
	return k, nil
}

// makeSealKey makes the key, unless another process was faster. Only one does, under a lock: a second key would shut
// what the first sealed.
func (st kernelStore) makeSealKey(ctx context.Context) (k sealingKey, err error) {
	unlock, lockErr := st.dir.lock(ctx, kernelID, func() bool {
		k, err = st.sealKey()
		return err == nil
	})
	if lockErr != nil {
		return sealingKey{}, lockErr
	}
	defer unlock()
	if !errors.Is(err, errNoKernelKey) {
		return k, err
	}
	id, err := st.id()
	if errors.Is(err, errNoKernelKey) {
		id = rand.Text()
		err = writeAtomic(st.dir.root, kernelID, []byte(id))
	}
	if err != nil {
		return sealingKey{}, err
	}
	payload := make([]byte, len(k.key)+len(k.name))
	rand.Read(payload) // never fails: crypto/rand's contract
	if err := st.kernel.add(kernelDescription(id), payload); err != nil {
		return sealingKey{}, err
	}
	// Read back, so that nothing is sealed with a key that the next process cannot have.
	k, err = st.sealKey()
	if errors.Is(err, errNoKernelKey) {
		err = fmt.Errorf("%w: a key that was made cannot be found", ErrUnavailable)
	}
	return k, err
}

func kernelDescription(id string) string { return "aws-credproc:" + id }

// id reads the identifier; errNoKernelKey if there is none, or what cannot be one.
func (st kernelStore) id() (string, error) {
	b, err := readBounded(st.dir.root, kernelID, textSize)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, ErrCorrupt):
		return "", errNoKernelKey
	case err != nil:
		return "", err
	case !isText(string(b)):
		return "", errNoKernelKey
	}
	return string(b), nil
}
