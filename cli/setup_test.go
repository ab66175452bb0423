package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/spf13/cobra"

	"aws-credproc/profiles"
)

// TestConcurrentSetups: processes that set up profiles of one file concurrently all succeed, and
// their undo restores the file.
func TestConcurrentSetups(t *testing.T) {
	s, err := newTestSTS()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	h := newHelper(t, s)
	config := filepath.Join(h.dir, "config")
	var text strings.Builder
	const n = 20
	for i := range n {
		fmt.Fprintf(&text, "# %d\n[profile p%[1]d]\nrole_arn = %[2]s\nsource_profile = base\n\n",
			i, testRole)
	}
	if err := os.WriteFile(config, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, flag := range []string{"--undo=false", "--undo"} {
		var wg sync.WaitGroup
		for i := range n {
			wg.Go(func() {
				cmd := h.command(t, "setup", fmt.Sprint("p", i), "--yes", flag)
				if out, err := cmd.CombinedOutput(); err != nil {
					t.Errorf("setup %s p%d: %v: %s", flag, i, err, out)
				}
			})
		}
		wg.Wait()
		files, err := profiles.Load(config, filepath.Join(h.dir, "credentials"))
		if err != nil {
			t.Fatal(err)
		}
		for i := range n {
			p, err := files.Profile(fmt.Sprint("p", i))
			if err != nil {
				t.Fatal(err)
			}
			if _, wired := profiles.Wired(p); wired == (flag == "--undo") {
				t.Errorf("after setup %s, p%d is wired: %v", flag, i, wired)
			}
		}
	}
	if got, err := os.ReadFile(config); err != nil || string(got) != text.String() {
		t.Errorf("after the undo: %v\n%s", err, got)
	}
}

func TestCommandLineSeparatesNamesFromFlags(t *testing.T) {
	for want, names := range map[string][]string{
		"aws-credproc setup --yes a b":     {"a", "b"},
		"aws-credproc setup --yes -- a -b": {"a", "-b"},
	} {
		if got := commandLine(&cobra.Command{Use: "setup"}, names); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func TestHelperOfGoRunIsRefused(t *testing.T) {
	t.Setenv("GOCACHE", filepath.FromSlash("/my/cache"))
	for path, want := range map[string]bool{
		"/tmp/go-build1040429147/b001/exe/aws-credproc":     true,
		"/home/jill/.cache/go-build/ab/abcd-d/aws-credproc": true,
		"/my/cache/ab/abcd-d/aws-credproc":                  true,
		"/my/cache2/aws-credproc":                           false,
		"/home/jill/go/bin/aws-credproc":                    false,
		"/opt/go-builder/aws-credproc":                      false,
	} {
		if got := inBuildCache(filepath.FromSlash(path)); got != want {
			t.Errorf("%s: %v", path, got)
		}
	}
}
