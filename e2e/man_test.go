package e2e_test

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestE2EManPages: groff formats each manual page without a warning.
func TestE2EManPages(t *testing.T) {
	needCommands(t, "groff")
	program := buildProgram(t)
	h := newHome(t)
	h.ok(t, program, "man", "pages/man1")
	pages, err := filepath.Glob(filepath.Join(h.dir, "pages", "man1", "*.1"))
	if err != nil || len(pages) == 0 {
		t.Fatalf("no pages (%v)", err)
	}
	for _, page := range pages {
		if r := h.run(t, "groff", "-man", "-ww", "-z", page); r.code != 0 || r.stderr != "" {
			t.Errorf("%s: exit %d\n%s", filepath.Base(page), r.code, r.stderr)
		}
	}
	page := filepath.Join(h.dir, "pages", "man1", "aws-credproc-refresh.1")
	shown := h.ok(t, "groff", "-man", "-Tascii", "-P-c", "-P-b", "-P-u", "-rLL=200n", page)
	for _, part := range []string{
		"aws-credproc-refresh - Get new sessions now",
		"SYNOPSIS\n       aws-credproc refresh [flags] PROFILE... | --all\n",
		"DESCRIPTION", "--wait DURATION", "--store STORE",
		"           aws-credproc refresh --wait 60s dev-role\n", "EXIT STATUS", "AWS_CREDPROC_STATE_DIR",
		"~/.aws/config", "SEE ALSO\n       aws-credproc(1)",
	} {
		if !strings.Contains(shown, part) {
			t.Errorf("the page lacks %q:\n%s", part, shown)
		}
	}
}
