package profiles

import (
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/windows"
)

// Windows refuses for the moment what another program stands in the way of.
func TestOneWaitsForWhoHasTheFileOpen(t *testing.T) {
	for name, test := range map[string]struct{ access, share uint32 }{
		"who reads it, while it is replaced":       {windows.GENERIC_READ, windows.FILE_SHARE_READ | windows.FILE_SHARE_WRITE},
		"who is replacing it, while it is read":    {windows.DELETE, windows.FILE_SHARE_READ | windows.FILE_SHARE_WRITE | windows.FILE_SHARE_DELETE},
		"who shares it with nobody, a scanner say": {windows.GENERIC_READ, 0},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			config := filepath.Join(dir, "config")
			writeText(t, config, "[profile p]\na = 1\n")
			path, err := windows.UTF16PtrFromString(config)
			if err != nil {
				t.Fatal(err)
			}
			open, err := windows.CreateFile(path, test.access, test.share, nil, windows.OPEN_EXISTING, windows.FILE_ATTRIBUTE_NORMAL, 0)
			if err != nil {
				t.Fatal(err)
			}
			timer := time.AfterFunc(200*time.Millisecond, func() {
				if err := windows.CloseHandle(open); err != nil {
					t.Error(err)
				}
			})
			defer timer.Stop()
			if _, err := Update(t.Context(), config, filepath.Join(dir, "credentials"), setP("2")); err != nil {
				t.Error(err)
			}
			if got := readText(t, config); got != "[profile p]\na = 2\n" {
				t.Errorf("the file is %q", got)
			}
		})
	}
}
