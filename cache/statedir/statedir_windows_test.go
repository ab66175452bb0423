package statedir

import (
	"errors"
	"io/fs"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/windows"
)

// Windows refuses to change a file that another program has open.
func TestWriteWaitsForAFileOpenInAnotherProcess(t *testing.T) {
	d, err := Create(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	write := func() error { return d.Write(Facts, "x", []byte("new")) }
	for name, test := range map[string]struct {
		share uint32
		do    func() error
	}{
		"replace, a reader":  {windows.FILE_SHARE_READ | windows.FILE_SHARE_WRITE, write},
		"replace, a scanner": {0, write},
		"remove, a reader": {windows.FILE_SHARE_READ | windows.FILE_SHARE_WRITE,
			func() error { return d.Remove(Facts, "x") }},
		"read, a scanner": {0, func() error { _, err := d.Read(Facts, "x", 100); return err }},
	} {
		t.Run(name, func(t *testing.T) {
			if err := d.Write(Facts, "x", []byte("old")); err != nil {
				t.Fatal(err)
			}
			path, err := windows.UTF16PtrFromString(filepath.Join(d.path, string(Facts), "x"))
			if err != nil {
				t.Fatal(err)
			}
			open, err := windows.CreateFile(path, windows.GENERIC_READ, test.share, nil,
				windows.OPEN_EXISTING, windows.FILE_ATTRIBUTE_NORMAL, 0)
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
			if entries, err := filepath.Glob(filepath.Join(d.path, string(Facts),
				TempPrefix+"*")); err != nil || len(entries) > 0 {
				t.Errorf("left: %v, %v", entries, err)
			}
		})
	}
}

func TestPathWithoutADriveIsNotAbsolute(t *testing.T) {
	for path, want := range map[string]bool{`Z:\x\state`: true, `\x\state`: false, `Z:x`: false,
		`x`: false} {
		_, err := Open(path) // none exists
		if got := errors.Is(err, fs.ErrNotExist); got != want {
			t.Errorf("%s: absolute is %t, want %t (%v)", path, got, want, err)
		}
	}
}
