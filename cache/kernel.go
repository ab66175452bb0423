package cache

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"aws-credproc/cache/statedir"
)

// kernelID is the file with the identifier of the state directory's kernel key. State directories
// may share a user keyring, as those of containers do, and each needs a key of its own.
const kernelID = "kernel.id"

// kernelKeyLife is how long the kernel keeps the key after its last use: as long as AWS's longest
// session.
const kernelKeyLife = 36 * time.Hour

// errNoKernelKey means that the kernel has no such key: it was never created, has timed out or was
// revoked.
var errNoKernelKey = errors.New("no key in the kernel keyring")

// kernelKeys is the user keyring in the kernel, see osKernel. Errors wrap ErrUnavailable if it
// cannot be used here.
type kernelKeys interface {
	// read returns a key and extends its life to kernelKeyLife. It returns errNoKernelKey if there
	// is no key that this process may read.
	read(description string) ([]byte, error)
	// add creates or replaces a key. Every process of this user can read it, until it has not been
	// used for kernelKeyLife.
	add(description string, payload []byte) error
	// probe returns the error that add would return.
	probe() error
}

// kernelStore stores sealed files whose key is in the kernel: without the kernel, nothing on disk
// can be read, and after a reboot all sessions are lost. The key has a random name, which is in the
// names of the files. If several kernels share a state directory (a home on NFS, user namespaces),
// each has its own key and files, and a file whose key is gone is a miss, not a damaged file.
type kernelStore struct {
	dir    *statedir.Dir
	kernel kernelKeys
}

// sealingKey is the payload of a kernel key.
type sealingKey struct {
	key  [sealKeySize]byte
	name [16]byte
}

func (k sealingKey) fileName(key Key) string {
	return sealedName(key, Kernel, fmt.Sprintf("%x", k.name))
}

func (st kernelStore) get(_ context.Context, key Key) (Session, error) {
	k, err := st.sealKey()
	if errors.Is(err, errNoKernelKey) {
		return Session{}, ErrMiss
	}
	if err != nil {
		return Session{}, fmt.Errorf("kernel store: %w", err)
	}
	b, err := readSealed(st.dir, k.fileName(key))
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

// has reports whether the store has a session that can be read here. If the kernel cannot be asked,
// it returns true.
func (st kernelStore) has(key Key) bool {
	k, err := st.sealKey()
	if err == nil {
		_, err = readSealed(st.dir, k.fileName(key))
	}
	return !errors.Is(err, errNoKernelKey) && !errors.Is(err, fs.ErrNotExist)
}

func (st kernelStore) put(ctx context.Context, key Key, s Session) error {
	k, err := st.sealKey()
	if errors.Is(err, errNoKernelKey) {
		k, err = st.makeSealKey(ctx)
	}
	if err == nil {
		err = writeSealed(st.dir, k.fileName(key), k.key[:], key, s)
	}
	if err != nil {
		return fmt.Errorf("kernel store: %w", err)
	}
	return nil
}

func (st kernelStore) delete(_ context.Context, key Key) (found bool, err error) {
	n, err := removeSealed(st.dir, Kernel, only(key))
	if err != nil {
		err = fmt.Errorf("kernel store: %w", err)
	}
	return n > 0, err
}

// clear removes every sealed file of this store and returns the number of their sessions. The key
// stays, because another process may be sealing a session with it.
func (st kernelStore) clear() (int, error) {
	keys := map[Key]bool{} // the files of one session may have different kernel keys
	_, err := removeSealed(st.dir, Kernel, func(key Key, _ string) bool {
		keys[key] = true
		return true
	})
	if err != nil {
		return len(keys), fmt.Errorf("kernel store: %w", err)
	}
	return len(keys), nil
}

// status returns nil if put would find the kernel keyring available. dir may be nil.
func (st kernelStore) status() error {
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

// sealKey returns the key. It returns errNoKernelKey if there is none, or if it is malformed.
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

// makeSealKey creates the key and returns it, or returns the key that another process has created
// meanwhile. It holds a lock, because a second key could not open what the first one sealed.
func (st kernelStore) makeSealKey(ctx context.Context) (k sealingKey, err error) {
	unlock, lockErr := st.dir.Lock(ctx, kernelID, func() bool {
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
		err = st.dir.Write(statedir.Root, kernelID, []byte(id))
	}
	if err != nil {
		return sealingKey{}, err
	}
	payload := make([]byte, len(k.key)+len(k.name))
	rand.Read(payload) // never fails: crypto/rand's contract
	if err := st.kernel.add(kernelDescription(id), payload); err != nil {
		return sealingKey{}, err
	}
	// Read it back, so that nothing is sealed with a key that the next process cannot read.
	k, err = st.sealKey()
	if errors.Is(err, errNoKernelKey) {
		err = fmt.Errorf("%w: the new key cannot be found", ErrUnavailable)
	}
	return k, err
}

func kernelDescription(id string) string { return "aws-credproc:" + id }

// id returns the identifier. It returns errNoKernelKey if there is none, or if it is malformed.
func (st kernelStore) id() (string, error) {
	b, err := st.dir.Read(statedir.Root, kernelID, textSize)
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
