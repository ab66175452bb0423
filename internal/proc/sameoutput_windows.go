package proc

import (
	"os"

	"golang.org/x/sys/windows"
)

// SameOutput reports whether two files are the same pipe, socket or regular file, as after "2>&1".
// It returns false for a console and other devices, and on Windows 8 and older.
//
// https://learn.microsoft.com/en-us/windows/win32/api/handleapi/nf-handleapi-compareobjecthandles
func SameOutput(a, b *os.File) bool {
	kind, err := windows.GetFileType(windows.Handle(a.Fd()))
	if err != nil || kind != windows.FILE_TYPE_DISK && kind != windows.FILE_TYPE_PIPE {
		return false
	}
	compare := windows.NewLazySystemDLL("kernelbase.dll").NewProc("CompareObjectHandles")
	if compare.Find() != nil {
		return false
	}
	same, _, _ := compare.Call(a.Fd(), b.Fd())
	return same != 0
}
