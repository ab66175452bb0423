package cache

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"aws-credproc/cache/statedir"
	"aws-credproc/internal/childtest"
	"aws-credproc/internal/keyringtest"

	"golang.org/x/sys/unix"
)

func init() {
	// kernelkey DIR puts a session, which creates the key if there is none, and prints the key's
	// name.
	childtest.Register("kernelkey", func(args []string) error {
		d, err := statedir.Create(args[0])
		if err != nil {
			return err
		}
		st := kernelStore{d, osKernel{}}
		if err := st.put(context.Background(), testKey, testSession()); err != nil {
			return err
		}
		k, err := st.sealKey()
		fmt.Printf("%x\n", k.name)
		return err
	})
	// kernelget DIR SESSION prints the access key ID of the session. If SESSION is "new", it does
	// so in a new session keyring.
	childtest.Register("kernelget", func(args []string) error {
		runtime.LockOSThread() // a session keyring belongs to a thread
		if args[1] == "new" {
			if _, err := unix.KeyctlInt(unix.KEYCTL_JOIN_SESSION_KEYRING, 0, 0, 0, 0); err != nil {
				return err
			}
		}
		d, err := statedir.Open(args[0])
		if err != nil {
			return err
		}
		s, err := kernelStore{d, osKernel{}}.get(context.Background(), testKey)
		fmt.Println(s.AccessKeyID)
		return err
	})
	// kernelremove DIR removes the key of a state directory.
	childtest.Register("kernelremove", func(args []string) error {
		d, err := statedir.Open(args[0])
		if err != nil {
			return err
		}
		id, err := kernelStore{d, osKernel{}}.id()
		if err != nil {
			return err
		}
		serial, err := unix.KeyctlSearch(unix.KEY_SPEC_USER_KEYRING, "user", kernelDescription(id),
			0)
		if err == nil {
			_, err = unix.KeyctlInt(unix.KEYCTL_UNLINK, serial, unix.KEY_SPEC_USER_KEYRING, 0, 0)
		}
		return err
	})
	// kernelrefused DIR ERRNO checks the store in a process whose seccomp filter returns ERRNO for
	// keyctl and add_key, as in a container.
	childtest.Register("kernelrefused", func(args []string) error {
		errno, err := strconv.Atoi(args[1])
		if err != nil {
			return err
		}
		if err := refuseKeys(syscall.Errno(errno)); err != nil {
			return err
		}
		return wantUnavailable(args[0], syscall.Errno(errno))
	})
	// kernelfull DIR checks the store for a user whose quota of keys is used up.
	childtest.Register("kernelfull", func(args []string) error {
		for i := 0; ; i++ {
			_, err := unix.AddKey("user", fmt.Sprint("aws-credproc test ", i), []byte("x"),
				unix.KEY_SPEC_PROCESS_KEYRING)
			if errors.Is(err, unix.EDQUOT) {
				return wantUnavailable(args[0], unix.EDQUOT)
			}
			if err != nil || i > 1e5 {
				return fmt.Errorf("key %d: %w", i, err)
			}
		}
	})
}

// wantUnavailable checks that every call of the kernel store is unavailable for this reason.
func wantUnavailable(dir string, why error) error {
	c, err := openWith(Options{Dir: dir, Choice: Kernel})
	if err != nil {
		return err
	}
	_, putErr := c.Put(context.Background(), testKey, testSession(), testFacts())
	_, getErr := c.GetLocked(context.Background(), testKey, testFacts())
	lookErr := c.stores.kernelStore(c.state.dir).status()
	for call, err := range map[string]error{"put": putErr, "look": lookErr} {
		if !errors.Is(err, ErrUnavailable) || !errors.Is(err, why) {
			return fmt.Errorf("%s: %w", call, err)
		}
	}
	// Without the identifier of a key, get does not look for a key.
	if !errors.Is(getErr, ErrUnavailable) && !errors.Is(getErr, ErrMiss) {
		return fmt.Errorf("get: %w", getErr)
	}
	return nil
}

// refuseKeys makes the kernel return an error for calls about keys, in this process (seccomp(2)).
func refuseKeys(errno syscall.Errno) error {
	const (
		ld  = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
		jeq = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
		ret = unix.BPF_RET | unix.BPF_K
	)
	filter := []unix.SockFilter{
		{Code: ld}, // the number of the call
		{Code: jeq, K: unix.SYS_KEYCTL, Jt: 2},
		{Code: jeq, K: unix.SYS_ADD_KEY, Jt: 1},
		{Code: ret, K: unix.SECCOMP_RET_ALLOW},
		{Code: ret, K: unix.SECCOMP_RET_ERRNO | uint32(errno)},
	}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	_, _, e := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER,
		unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&program)))
	if e != 0 {
		return fmt.Errorf("seccomp: %w", e)
	}
	return nil
}

// needKernel skips a test if the kernel keyring is unavailable.
func needKernel(t testing.TB) {
	t.Helper()
	if err := (osKernel{}).probe(); err != nil {
		t.Skipf("SKIPPED: the kernel store is not tested: %v", err)
	}
}

// openKernelStore returns a store whose key is removed after the test.
func openKernelStore(t testing.TB) kernelStore {
	t.Helper()
	needKernel(t)
	d, err := statedir.Create(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	st := kernelStore{d, osKernel{}}
	t.Cleanup(func() { removeKernelKey(t, st) })
	return st
}

// kernelDir returns a state directory whose kernel key is removed after the test.
func kernelDir(t *testing.T) string { return openKernelStore(t).dir.Path() }

// removeKernelKey removes the key of a store from the user keyring.
func removeKernelKey(t testing.TB, st kernelStore) {
	id, err := st.id()
	if err != nil {
		return
	}
	serial, err := unix.KeyctlSearch(unix.KEY_SPEC_USER_KEYRING, "user", kernelDescription(id), 0)
	if err != nil {
		return
	}
	if _, err := unix.KeyctlInt(unix.KEYCTL_UNLINK, serial, unix.KEY_SPEC_USER_KEYRING, 0,
		0); err != nil {
		t.Error(err)
	}
}

// kernelKey returns the serial number of a store's key.
func kernelKey(t *testing.T, st kernelStore) int {
	t.Helper()
	id, err := st.id()
	if err != nil {
		t.Fatal(err)
	}
	serial, err := unix.KeyctlSearch(unix.KEY_SPEC_USER_KEYRING, "user", kernelDescription(id), 0)
	if err != nil {
		t.Fatal(err)
	}
	return serial
}

func TestKernelStore(t *testing.T) {
	st, s := openKernelStore(t), testSession()
	if _, err := st.get(t.Context(), testKey); !errors.Is(err, ErrMiss) {
		t.Errorf("empty: %v", err)
	}
	for _, size := range tokenSizes {
		s.SessionToken = strings.Repeat("t", size)
		if err := st.put(t.Context(), testKey, s); err != nil {
			t.Fatal(err)
		}
		if got, err := st.get(t.Context(), testKey); err != nil || got != s {
			t.Fatalf("%d bytes: %v, %v", size, got, err)
		}
	}
	if _, err := st.get(t.Context(), otherKey); !errors.Is(err, ErrMiss) {
		t.Errorf("another key: %v", err)
	}
	k, err := st.sealKey()
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range filesIn(t, st.dir.Path()) {
		b, err := os.ReadFile(path)
		if err != nil || bytes.Contains(b, []byte("hush")) || bytes.Contains(b, []byte("tttt")) ||
			bytes.Contains(b, k.key[:]) {
			t.Errorf("%s: a secret, or %v", path, err)
		}
	}
	for range 2 {
		if _, err := st.delete(t.Context(), testKey); err != nil {
			t.Error(err)
		}
	}
	if _, err := st.get(t.Context(), testKey); !errors.Is(err, ErrMiss) {
		t.Errorf("deleted: %v", err)
	}
	if left := filesIn(t, sessionsDir(st.dir.Path())); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// A login by SSH, a service and a cron job have different session keyrings.
func TestKernelKeyIsFoundFromAnySessionKeyring(t *testing.T) {
	needKernel(t)
	for _, uid := range []int{os.Geteuid(), otherUser} {
		t.Run(fmt.Sprint("user ", uid), func(t *testing.T) {
			run := as(t, uid)
			if out, err := run("kernelkey").CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			for _, session := range []string{"same", "new"} {
				if out, err := run("kernelget",
					session).CombinedOutput(); string(out) != testSession().AccessKeyID+"\n" {
					t.Errorf("in a %s session: %s, %v", session, out, err)
				}
			}
			if out, err := run("kernelremove").CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
}

const otherUser = 54321

// as returns a function that returns commands of child processes of another user. Their first
// argument is a state directory of that user.
func as(t *testing.T, uid int) (run func(name string, args ...string) *exec.Cmd) {
	t.Helper()
	if os.Geteuid() != 0 && os.Geteuid() != uid {
		t.Skip("SKIPPED: only root can be another user")
	}
	// A directory that this user can read, with the test's program in it.
	dir, err := os.MkdirTemp("", "user")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	exe, err := os.ReadFile(childtest.Command(t, "").Path)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.WriteFile(filepath.Join(dir, "test"), exe, 0o755),
		os.Chown(dir, uid, uid)); err != nil {
		t.Fatal(err)
	}
	return func(name string, args ...string) *exec.Cmd {
		cmd := childtest.Command(t, name, append([]string{filepath.Join(dir, "state")}, args...)...)
		cmd.Path, cmd.Dir = filepath.Join(dir, "test"), dir
		if uid != os.Geteuid() {
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid),
				Gid: uint32(uid)}}
		}
		return cmd
	}
}

func TestLostKernelKeyIsAMissAndIsReplaced(t *testing.T) {
	for name, lose := range map[string]func(t *testing.T, st kernelStore) error{
		"revoked": func(t *testing.T, st kernelStore) error {
			_, err := unix.KeyctlInt(unix.KEYCTL_REVOKE, kernelKey(t, st), 0, 0, 0)
			return err
		},
		"unlinked": func(t *testing.T, st kernelStore) error {
			_, err := unix.KeyctlInt(unix.KEYCTL_UNLINK, kernelKey(t, st),
				unix.KEY_SPEC_USER_KEYRING, 0, 0)
			return err
		},
		"timed out": func(t *testing.T, st kernelStore) error {
			serial := kernelKey(t, st)
			_, err := unix.KeyctlInt(unix.KEYCTL_SET_TIMEOUT, serial, 1, 0, 0)
			keyringtest.WaitFor(t, "the time-out", func() bool {
				_, err := unix.KeyctlBuffer(unix.KEYCTL_READ, serial, make([]byte, 64), 0)
				return err != nil
			})
			return err
		},
		"refuses access": func(t *testing.T, st kernelStore) error {
			return unix.KeyctlSetperm(kernelKey(t, st), 0)
		},
		"replaced": func(t *testing.T, st kernelStore) error {
			id, err := st.id()
			return errors.Join(err,
				osKernel{}.add(kernelDescription(id), make([]byte, sealKeySize+16)))
		},
		"foreign": func(t *testing.T, st kernelStore) error {
			id, err := st.id()
			return errors.Join(err,
				osKernel{}.add(kernelDescription(id), bytes.Repeat([]byte("hush"), 1000)))
		},
		"identifier lost": func(t *testing.T, st kernelStore) error {
			return os.Remove(filepath.Join(st.dir.Path(), kernelID))
		},
		"identifier torn": func(t *testing.T, st kernelStore) error {
			return os.Truncate(filepath.Join(st.dir.Path(), kernelID), 7)
		},
		"identifier garbled": func(t *testing.T, st kernelStore) error {
			return os.WriteFile(filepath.Join(st.dir.Path(), kernelID),
				bytes.Repeat([]byte("\x1b"), 26), 0o600)
		},
	} {
		t.Run(name, func(t *testing.T) {
			st, s := openKernelStore(t), testSession()
			c, w := openTest(t, Kernel, st.dir.Path())
			mustPut(t, c, testKey, s, Kernel)
			first := kernelKey(t, st)
			t.Cleanup(func() {
				_, _ = unix.KeyctlInt(unix.KEYCTL_UNLINK, first, unix.KEY_SPEC_USER_KEYRING, 0, 0)
			})
			if err := lose(t, st); err != nil {
				t.Fatal(err)
			}
			if _, err := c.Get(t.Context(), testKey); !errors.Is(err, ErrMiss) {
				t.Errorf("get: %v", err)
			}
			if _, err := c.GetLocked(t.Context(), testKey, testFacts()); !errors.Is(err, ErrMiss) {
				t.Errorf("GetLocked: %v", err)
			}
			mustPut(t, c, testKey, s, Kernel)
			if got, err := c.Get(t.Context(), testKey); err != nil || got != s {
				t.Errorf("after the next Put: %v, %v", got, err)
			}
			if n, err := (c.stores.kernelStore(c.state.dir)).clear(); n == 0 || err != nil {
				t.Errorf("clear: %d, %v", n, err)
			}
			if left := filesIn(t, sessionsDir(st.dir.Path())); len(left) > 0 {
				t.Errorf("left: %v", left)
			}
			w.want(t, 0)
		})
	}
}

func TestKernelStoreReportsDamage(t *testing.T) {
	for name, tc := range map[string]struct {
		damage func(path string) error
		want   error
	}{
		"torn": {func(path string) error { return os.Truncate(path, 40) }, ErrCorrupt},
		"foreign": {func(path string) error {
			return os.WriteFile(path, []byte("hush"), 0o600)
		}, ErrCorrupt},
		"newer": {func(path string) error {
			return os.WriteFile(path, []byte(sealMagic+"\x09"), 0o600)
		}, ErrVersion},
	} {
		t.Run(name, func(t *testing.T) {
			st := openKernelStore(t)
			if err := st.put(t.Context(), testKey, testSession()); err != nil {
				t.Fatal(err)
			}
			for _, path := range filesIn(t, sessionsDir(st.dir.Path())) {
				if err := tc.damage(path); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := st.get(t.Context(), testKey); !errors.Is(err, tc.want) ||
				errors.Is(err, ErrMiss) {
				t.Errorf("got %v, want %v", err, tc.want)
			}
		})
	}
}

func TestUseExtendsKernelKeyTimeout(t *testing.T) {
	st := openKernelStore(t)
	if err := st.put(t.Context(), testKey, testSession()); err != nil {
		t.Fatal(err)
	}
	serial := kernelKey(t, st)
	// left returns the remaining time in /proc/keys, in one unit: 60s, 36h, 1d.
	left := func() string {
		b, err := os.ReadFile("/proc/keys")
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(b)) {
			if f := strings.Fields(line); len(f) > 3 && f[0] == fmt.Sprintf("%08x", serial) {
				return f[3]
			}
		}
		t.Fatal("the key is not in /proc/keys")
		return ""
	}
	made := left()
	if made != "35h" && made != "36h" && made != "1d" {
		t.Errorf("life of a new key: %s", made)
	}
	if _, err := unix.KeyctlInt(unix.KEYCTL_SET_TIMEOUT, serial, 50, 0, 0); err != nil {
		t.Fatal(err)
	}
	if now := left(); now == made {
		t.Fatalf("the life was not changed: %s", now)
	}
	if _, err := st.get(t.Context(), testKey); err != nil {
		t.Fatal(err)
	}
	if now := left(); now != made {
		t.Errorf("life after use: %s", now)
	}
}

func TestProcessesShareTheKernelKey(t *testing.T) {
	st := openKernelStore(t)
	names := childtest.Run(t, 16, "kernelkey", func(int) []string {
		return []string{st.dir.Path()}
	})
	for _, name := range names {
		if name != names[0] || len(name) != 32 {
			t.Fatalf("processes created different keys: %v", names)
		}
	}
	other := openKernelStore(t)
	if name := childtest.Run(t, 1, "kernelkey", func(int) []string {
		return []string{other.dir.Path()}
	})[0]; name == names[0] {
		t.Error("two state directories share a key")
	}
	if _, err := st.get(t.Context(), testKey); err != nil {
		t.Errorf("the key of the first is gone: %v", err)
	}
}

func TestKernelThatRefusesKeysIsUnavailable(t *testing.T) {
	for _, errno := range []syscall.Errno{syscall.EPERM, syscall.ENOSYS, syscall.EACCES} {
		t.Run(errno.Error(), func(t *testing.T) {
			childtest.Run(t, 1, "kernelrefused", func(int) []string {
				return []string{t.TempDir(), strconv.Itoa(int(errno))}
			})
		})
	}
}

func TestKernelKeyQuotaExceededIsUnavailable(t *testing.T) {
	needKernel(t)
	if out, err := as(t, otherUser)("kernelfull").CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

func BenchmarkKernelGet(b *testing.B) {
	st := openKernelStore(b)
	c, err := openWith(Options{Dir: st.dir.Path(), Choice: Kernel})
	if err != nil {
		b.Fatal(err)
	}
	if _, err := c.Put(b.Context(), testKey, testSession(), testFacts()); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Get(b.Context(), testKey); err != nil {
			b.Fatal(err)
		}
	}
}
