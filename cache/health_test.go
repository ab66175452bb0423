package cache

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"aws-credproc/cache/statedir"
)

func TestHealthOfAWorkingCache(t *testing.T) {
	c, w := openTest(t, File, "")
	mustPut(t, c, testKey, testSession(), File)
	h := c.Health(t.Context())
	if h.Choice != File || h.Store != File || h.StateDir != nil || h.StoreErr != nil ||
		len(h.Newer)+len(h.Leftovers) > 0 {
		t.Errorf("%+v", h)
	}
	w.want(t, 0)
}

func TestHealthChangesNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	c, _ := openTest(t, File, dir)
	c.Health(t.Context())
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the state directory was created: %v", err)
	}
}

func TestHealthFindsProblems(t *testing.T) {
	for name, test := range map[string]struct {
		choice Choice
		damage func(dir string) error
		found  func(h Health) bool
	}{
		"newer facts": {
			choice: File,
			damage: func(dir string) error {
				return os.WriteFile(factsPath(dir, testKey), []byte(`{"v":99}`), 0o600)
			},
			found: func(h Health) bool { return len(h.Newer) == 1 && h.Newer[0].Key == testKey },
		},
		"newer session": {
			choice: File,
			damage: func(dir string) error {
				paths, err := filepath.Glob(filepath.Join(dir, string(statedir.Sessions), "*"))
				if err != nil || len(paths) != 1 {
					return errors.Join(err, errors.New("no session"))
				}
				b, err := os.ReadFile(paths[0])
				if err != nil {
					return err
				}
				b[len(sealMagic)] = 99
				return os.WriteFile(paths[0], b, 0o600)
			},
			found: func(h Health) bool {
				return len(h.Newer) == 1 && h.Newer[0].Profile == testFacts().Profile
			},
		},
		"leftovers": {
			choice: File,
			damage: func(dir string) error {
				old := time.Now().Add(-2 * tempAge)
				for _, name := range []string{".tmp-A", "sessions/.tmp-B", "facts/.tmp-NEW"} {
					if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
						return err
					}
					if name != "facts/.tmp-NEW" {
						if err := os.Chtimes(filepath.Join(dir, name), old, old); err != nil {
							return err
						}
					}
				}
				return nil
			},
			found: func(h Health) bool {
				hasName := func(path, name string) bool { return filepath.Base(path) == name }
				return slices.EqualFunc(h.Leftovers, []string{".tmp-A", ".tmp-B"}, hasName)
			},
		},
		"state directory": {
			choice: File,
			damage: func(dir string) error {
				return errors.Join(os.RemoveAll(dir), os.WriteFile(dir, nil, 0o600))
			},
			found: func(h Health) bool { return h.StateDir != nil && h.Store == None },
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			kept, _ := openTest(t, File, dir)
			mustPut(t, kept, testKey, testSession(), File)
			if err := kept.Close(); err != nil {
				t.Fatal(err)
			}
			if test.damage != nil {
				if err := test.damage(dir); err != nil {
					t.Fatal(err)
				}
			}
			c, _ := openTest(t, test.choice, dir)
			if h := c.Health(t.Context()); !test.found(h) {
				t.Errorf("%+v", h)
			}
		})
	}
}
