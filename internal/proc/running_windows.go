package proc

import "os"

// IsRunning reports whether there is a process with this ID.
func IsRunning(pid int) bool {
	p, err := os.FindProcess(pid)
	if err != nil {
		return false
	}
	_ = p.Release()
	return true
}
