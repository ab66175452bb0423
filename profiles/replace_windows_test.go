package profiles

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/windows"
)

// hold opens a file as another program would, for 200 ms.
func hold(t *testing.T, file string, access, share uint32) {
	t.Helper()
	path, err := windows.UTF16PtrFromString(file)
	if err != nil {
		t.Fatal(err)
	}
	open, err := windows.CreateFile(
		path, access, share, nil, windows.OPEN_EXISTING, windows.FILE_ATTRIBUTE_NORMAL, 0)
	if err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(200*time.Millisecond, func() {
		if err := windows.CloseHandle(open); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { timer.Stop() })
}

// Windows refuses to replace a file while another program has it open.
func TestUpdateRetriesWhileFileIsOpen(t *testing.T) {
	for name, test := range map[string]struct{ access, share uint32 }{
		"read while it is replaced": {
			windows.GENERIC_READ, windows.FILE_SHARE_READ | windows.FILE_SHARE_WRITE,
		},
		"replaced while it is read": {
			windows.DELETE,
			windows.FILE_SHARE_READ | windows.FILE_SHARE_WRITE | windows.FILE_SHARE_DELETE,
		},
		"open without sharing, as by a scanner": {windows.GENERIC_READ, 0},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			config := filepath.Join(dir, "config")
			writeText(t, config, "[profile p]\na = 1\n")
			hold(t, config, test.access, test.share)
			_, err := Update(t.Context(), config, filepath.Join(dir, "credentials"), setP("2"))
			if err != nil {
				t.Error(err)
			}
			if got := readText(t, config); got != "[profile p]\na = 2\n" {
				t.Errorf("the file is %q", got)
			}
		})
	}
}

func TestMoveRetriesWhileCopyIsOpen(t *testing.T) {
	config := filepath.Join(t.TempDir(), "config")
	writeText(t, config, "[profile p]\na = 1\n")
	m := Move{Edit: setP("2"), Ready: func() error {
		hold(t, config+moveSuffix, windows.GENERIC_READ, 0)
		return nil
	}}
	if kept, err := m.Run(t.Context(), config, config+"-credentials"); err != nil || len(kept) > 0 {
		t.Errorf("%q, %v", kept, err)
	}
	if _, err := os.Stat(config + moveSuffix); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the copy: %v", err)
	}
}
