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

// TestSetupsAtOnceLoseNothing: processes that wire profiles of one file at the same time all
// succeed, and undone the file is as it was.
func TestSetupsAtOnceLoseNothing(t *testing.T) {
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
		fmt.Fprintf(&text, "# %d\n[profile p%d]\nrole_arn = %s\nsource_profile = base\n\n", i, i, testRole)
	}
	if err := os.WriteFile(config, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, flag := range []string{"--undo=false", "--undo"} {
		var wg sync.WaitGroup
		for i := range n {
			wg.Go(func() {
				if out, err := h.command(t, "setup", fmt.Sprint("p", i), "--yes", flag).CombinedOutput(); err != nil {
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
		t.Errorf("undone, the file is another: %v\n%s", err, got)
	}
}

func TestTheLineToTypeTakesNoNameForAFlag(t *testing.T) {
	for want, names := range map[string][]string{"aws-credproc setup --yes a b": {"a", "b"}, "aws-credproc setup --yes -- a -b": {"a", "-b"}} {
		if got := commandLine(&cobra.Command{Use: "setup"}, names); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
