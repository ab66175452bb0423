package cache

import (
	"errors"
	"io/fs"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/windows"
)

// Windows refuses for the moment what another program stands in the way of.
func TestOneWaitsForWhoHasTheFileOpen(t *testing.T) {
	d := openFileStore(t).dir
	root, err := d.sub(factsDir, true)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	for name, test := range map[string]struct {
		share uint32
		do    func() error
	}{
		"replace, a reader":  {windows.FILE_SHARE_READ | windows.FILE_SHARE_WRITE, func() error { return writeAtomic(root, "x", []byte("new")) }},
		"replace, a scanner": {0, func() error { return writeAtomic(root, "x", []byte("new")) }},
		"remove, a reader":   {windows.FILE_SHARE_READ | windows.FILE_SHARE_WRITE, func() error { return remove(root, "x") }},
		"read, a scanner":    {0, func() error { _, err := readBounded(root, "x", 100); return err }},
	} {
		t.Run(name, func(t *testing.T) {
			if err := writeAtomic(root, "x", []byte("old")); err != nil {
				t.Fatal(err)
			}
			path, err := windows.UTF16PtrFromString(filepath.Join(d.path, factsDir, "x"))
			if err != nil {
				t.Fatal(err)
			}
			open, err := windows.CreateFile(path, windows.GENERIC_READ, test.share, nil, windows.OPEN_EXISTING, windows.FILE_ATTRIBUTE_NORMAL, 0)
			if err != nil {
				t.Fatal(err)
			}
			timer := time.AfterFunc(200*time.Millisecond, func() {
				if err := windows.CloseHandle(open); err != nil {
					t.Error(err)
				}
			})
			defer timer.Stop()
			if err := test.do(); err != nil {
				t.Error(err)
			}
			if entries, err := filepath.Glob(filepath.Join(d.path, factsDir, tempPrefix+"*")); err != nil || len(entries) > 0 {
				t.Errorf("left: %v, %v", entries, err)
			}
		})
	}
}

// Where readers keep coming there is a moment between two of them, which is met by trying often.
func TestOneWaitsAndTriesOften(t *testing.T) {
	tries := 0
	err := persist(func() error { tries++; return windows.ERROR_ACCESS_DENIED })
	if !errors.Is(err, windows.ERROR_ACCESS_DENIED) || tries < 40 {
		t.Errorf("%v after %d tries", err, tries)
	}
}

func TestAPathWithoutADriveIsNoStateDirectory(t *testing.T) {
	for path, want := range map[string]bool{`Z:\x\state`: true, `\x\state`: false, `Z:x`: false, `x`: false} {
		_, err := openStateDir(path, false) // none is there
		if got := errors.Is(err, fs.ErrNotExist); got != want {
			t.Errorf("%s: absolute is %t, want %t (%v)", path, got, want, err)
		}
	}
}
