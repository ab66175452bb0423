package cache

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

func init() {
	// churn DIR STORE I: puts, reads and deletes sessions that others churn too; each session is whole or absent.
	children["churn"] = func(args []string) error {
		c, err := Open(Options{Dir: args[0], Choice: Choice(args[1]), Warnf: func(f string, a ...any) { fmt.Fprintf(os.Stderr, f, a...) }})
		if err != nil {
			return err
		}
		me, err := strconv.Atoi(args[2])
		if err != nil {
			return err
		}
		for i := range 60 {
			key := Key{byte((me + i) % 5)}
			s := testSession()
			s.SessionToken = strings.Repeat(string(rune('A'+me%26)), 100+1000*i%7000)
			switch (i + me) % 7 {
			case 0:
				err = c.Delete(context.Background(), key)
			case 1, 2:
				_, err = c.Put(context.Background(), key, s, testFacts())
			default:
				var got Session
				got, err = c.Get(context.Background(), key)
				if err == nil && strings.Trim(got.SessionToken, got.SessionToken[:1]) != "" {
					err = errors.New("two sessions in one")
				}
				if errors.Is(err, ErrMiss) {
					err = nil
				}
			}
			if err != nil {
				return err
			}
		}
		return nil
	}
}

// sealedStores gives each store that keeps sealed files, with a state directory for it.
func sealedStores(t *testing.T, test func(t *testing.T, store Choice, dir string)) {
	t.Run("file", func(t *testing.T) { test(t, File, t.TempDir()) })
	t.Run("kernel", func(t *testing.T) { test(t, Kernel, kernelDir(t)) })
}

func TestStoreIsWholeUnderManyProcesses(t *testing.T) {
	sealedStores(t, func(t *testing.T, store Choice, dir string) {
		runChildren(t, 12, "churn", func(i int) []string { return []string{dir, string(store), strconv.Itoa(i)} })
		for _, path := range filesIn(t, dir) {
			if strings.HasPrefix(filepath.Base(path), tempPrefix) {
				t.Errorf("left: %s", path)
			}
		}
	})
}

// A process that is killed while it puts leaves a whole session or none, and nothing but files known as temporary.
func TestKillDuringPutLeavesTheSessionWhole(t *testing.T) {
	sealedStores(t, func(t *testing.T, store Choice, dir string) {
		for i := range 40 {
			cmd := child(t, "churn", dir, string(store), strconv.Itoa(i))
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Duration(i%20) * time.Millisecond) // the moment to kill it at, not a condition
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
			c, w := openTest(t, store, dir)
			for k := range 5 {
				if _, err := c.GetLocked(t.Context(), Key{byte(k)}, testFacts()); err != nil && !errors.Is(err, ErrMiss) {
					t.Fatal(err)
				}
			}
			w.want(t, 0)
		}
	})
}
