//go:build unix

package cli

import (
	"bufio"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestDemoEndsQuietlyWhenItsReaderDoes: as in "aws-credproc demo | head -3".
func TestDemoEndsQuietlyWhenItsReaderDoes(t *testing.T) {
	h := newHelper(t, startSTS(t))
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	// A copy: the demo starts the file that it runs from.
	h.path = filepath.Join(t.TempDir(), "aws-credproc")
	if err := copyFile(self, h.path); err != nil {
		t.Fatal(err)
	}
	cmd := h.command(t, "demo")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := bufio.NewReader(io.LimitReader(stdout, 1)).ReadByte(); err != nil {
		t.Error(err)
	}
	stdout.Close()
	if err := cmd.Wait(); err != nil || stderr.Len() > 0 {
		t.Errorf("%v, stderr %q", err, stderr.String())
	}
}
