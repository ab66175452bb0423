package cache

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"aws-credproc/internal/childtest"
)

// everyStore runs a test with each store and a new state directory. name is for openNamed.
func everyStore(t *testing.T, test func(t *testing.T, name, dir string)) {
	t.Run("file", func(t *testing.T) { test(t, string(File), t.TempDir()) })
	t.Run("kernel", func(t *testing.T) { test(t, string(Kernel), kernelDir(t)) })
	for _, name := range []string{string(Keyring), keyringSealed} {
		t.Run(name, func(t *testing.T) {
			startKeyring(t)
			test(t, name, t.TempDir())
		})
	}
}

// keyringSealed is the name of a keyring store that seals every session.
const keyringSealed = "keyring-sealed"

// openNamed opens a cache with a store of everyStore.
func openNamed(dir, name string, now func() time.Time) (*Cache, *warnings, error) {
	w := &warnings{}
	choice := Choice(name)
	if name == keyringSealed {
		choice = Keyring
	}
	c, err := openWith(Options{Dir: dir, Choice: choice, Warnf: w.warnf,
		Now: now})
	if err == nil && name == keyringSealed {
		c.stores.maxItem = 1
	}
	return c, w, err
}

// markedSession returns a session whose parts can be verified by checkMarked.
func markedSession(key Key, version int) Session {
	s := testSession()
	s.AccessKeyID = fmt.Sprintf("ASIA%dV%d", key[0], version)
	s.SessionToken = strings.Repeat(string(rune('A'+version%26)), 100+version%7*1000)
	return s
}

// checkMarked returns the version of a session, and an error if its parts do not match.
func checkMarked(key Key, s Session) (version int, err error) {
	var of byte
	if _, err := fmt.Sscanf(s.AccessKeyID, "ASIA%dV%d", &of, &version); err != nil || of != key[0] {
		return 0, fmt.Errorf("session %d is %s", key[0], s.AccessKeyID)
	}
	if s.SessionToken != markedSession(key, version).SessionToken {
		return 0, fmt.Errorf("session %s is torn", s.AccessKeyID)
	}
	return version, nil
}

const sessions, versions = 10, 3

func init() {
	// putmarked DIR STORE KEY FIRST LAST puts versions of a session, each under its lock.
	childtest.Register("putmarked", func(args []string) error {
		c, w, err := openNamed(args[0], args[1], nil)
		if err != nil {
			return err
		}
		var n [3]int
		for i := range n {
			if n[i], err = strconv.Atoi(args[2+i]); err != nil {
				return err
			}
		}
		key := Key{byte(n[0])}
		waitAtGate()
		for v := n[1]; v <= n[2]; v++ {
			unlock, err := c.Lock(context.Background(), key, nil)
			if err != nil {
				return err
			}
			_, err = c.Put(context.Background(), key, markedSession(key, v), testFacts())
			unlock()
			if err != nil {
				return err
			}
		}
		return w.err()
	})
	// getmarked DIR STORE N reads sessions, which must exist and be whole.
	childtest.Register("getmarked", func(args []string) error {
		c, w, err := openNamed(args[0], args[1], nil)
		if err != nil {
			return err
		}
		n, err := strconv.Atoi(args[2])
		if err != nil {
			return err
		}
		waitAtGate()
		for i := range versions {
			key := Key{byte((n + i) % sessions)}
			s, err := c.Get(context.Background(), key)
			if err == nil {
				_, err = checkMarked(key, s)
			}
			if err != nil {
				return err
			}
		}
		return w.err()
	})
	// putforever DIR STORE puts, replaces and deletes sessions until it is killed.
	childtest.Register("putforever", func(args []string) error {
		c, _, err := openNamed(args[0], args[1], nil)
		if err != nil {
			return err
		}
		for v := rand.IntN(100); ; v++ {
			key := Key{byte(v % 5)}
			unlock, err := c.Lock(context.Background(), key, nil)
			if err != nil {
				return err
			}
			if v%8 == 0 {
				err = c.Delete(context.Background(), key)
			} else {
				_, err = c.Put(context.Background(), key, markedSession(key, v), testFacts())
			}
			unlock()
			if err != nil {
				return err
			}
			fmt.Println(v)
		}
	})
}

// err returns an error with the warnings, nil if there are none.
func (w *warnings) err() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.all) > 0 {
		return fmt.Errorf("warnings: %q", w.all)
	}
	return nil
}

func TestConcurrentProcesses(t *testing.T) {
	const readers = 50 // the end-to-end tests start two hundred of the program itself
	everyStore(t, func(t *testing.T, name, dir string) {
		c, w, err := openNamed(dir, name, nil)
		if err != nil {
			t.Fatal(err)
		}
		var children []*exec.Cmd
		for k := range sessions {
			key := Key{byte(k)}
			if _, err := c.Put(t.Context(), key, markedSession(key, 0), testFacts()); err != nil {
				t.Fatal(err)
			}
			children = append(children,
				childtest.Command(t, "putmarked", dir, name, strconv.Itoa(k), "1",
					strconv.Itoa(versions)))
		}
		for i := range readers {
			children = append(children,
				childtest.Command(t, "getmarked", dir, name, strconv.Itoa(i)))
		}
		runAtOnce(t, children)
		for k := range sessions {
			s, err := c.Get(t.Context(), Key{byte(k)})
			if err != nil {
				t.Fatal(err)
			}
			if v, err := checkMarked(Key{byte(k)}, s); err != nil || v != versions {
				t.Errorf("session %d is lost: version %d, %v", k, v, err)
			}
		}
		if left := filesIn(t, sessionsDir(dir)); name != string(Keyring) && len(left) != sessions {
			t.Errorf("%d sealed files, want %d", len(left), sessions)
		}
		w.want(t, 0)
	})
}

// A process that is killed during a Put leaves each session whole or absent, and its files are
// removed by a sweep. It is killed a thousand times in all; AWS_CREDPROC_TEST_KILLS sets the number
// for each store.
func TestKillDuringPutLeavesNoPartialSession(t *testing.T) {
	const together = 5
	kills := 250
	if n, err := strconv.Atoi(os.Getenv("AWS_CREDPROC_TEST_KILLS")); err == nil {
		kills = n
	}
	everyStore(t, func(t *testing.T, name, dir string) {
		found := 0
		for range kills / together {
			var victims sync.WaitGroup
			for range together {
				cmd := childtest.Command(t, "putforever", dir, name)
				out, err := cmd.StdoutPipe()
				if err != nil {
					t.Fatal(err)
				}
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				victims.Go(func() {
					// It prints a line when it has started to put.
					if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
						t.Error(err)
					}
					time.Sleep(time.Duration(rand.IntN(15000)) * time.Microsecond) // a random time
					_ = cmd.Process.Kill()
					_ = cmd.Wait()
				})
			}
			victims.Wait()
			c, w, err := openNamed(dir, name, nil)
			if err != nil {
				t.Fatal(err)
			}
			for k := range 5 {
				key := Key{byte(k)}
				s, err := c.GetLocked(t.Context(), key, testFacts())
				if err == nil {
					_, err = checkMarked(key, s)
					found++
				}
				if err != nil && !errors.Is(err, ErrMiss) {
					t.Fatal(err)
				}
			}
			w.want(t, 0)
		}
		if found < kills/together {
			t.Errorf("only %d sessions found after %d kills", found, kills)
		}

		// When all sessions have expired, later Puts sweep them.
		later := time.Now().Add(3 * time.Hour)
		c, w, err := openNamed(dir, name, func() time.Time { return later })
		if err != nil {
			t.Fatal(err)
		}
		s := testSession()
		s.Issued, s.Expiration = later, later.Add(time.Hour)
		var left []string
		for range 20 { // each sweeps a limited number
			if _, err := c.Put(t.Context(), Key{99}, s, testFacts()); err != nil {
				t.Fatal(err)
			}
			if err := c.Delete(t.Context(), Key{99}); err != nil {
				t.Fatal(err)
			}
			left = slices.DeleteFunc(filesIn(t, dir), func(path string) bool {
				return filepath.Ext(path) == ".lock" || filepath.Base(path) == fileKey ||
					filepath.Base(path) == kernelID
			})
			if len(left) == 0 {
				break
			}
		}
		if len(left) > 0 {
			t.Errorf("left: %v", left)
		}
		if c.opts.Choice == Keyring {
			if n, err := (c.stores.keyringStore(c.state.dir)).clear(t.Context(), nil); n != 0 ||
				err != nil {
				t.Errorf("items left in the keyring: %d, %v", n, err)
			}
		}
		w.want(t, 0)
	})
}

// runAtOnce starts children, opens their gate when all have reached it, and waits for their end.
func runAtOnce(t *testing.T, children []*exec.Cmd) {
	t.Helper()
	gate, open, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer gate.Close()
	defer open.Close()
	stderr := make([]bytes.Buffer, len(children))
	for i, cmd := range children {
		cmd.Stdin, cmd.Stderr = gate, &stderr[i]
		out, err := cmd.StdoutPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err == nil {
			_, err = bufio.NewReader(out).ReadString('\n')
		}
		if err != nil {
			t.Fatalf("child %d: %v: %s", i, err, stderr[i].String())
		}
	}
	open.Close()
	for i, cmd := range children {
		if err := cmd.Wait(); err != nil {
			t.Errorf("child %d: %v: %s", i, err, stderr[i].String())
		}
	}
}

// waitAtGate waits in a child until runAtOnce opens the gate.
func waitAtGate() {
	fmt.Println("ready")
	_, _ = io.Copy(io.Discard, os.Stdin)
}
