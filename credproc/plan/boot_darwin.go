package plan

import "syscall"

// BootID identifies a run of a machine, so that instances which share a home directory do not share
// sessions. It returns "" if it is unknown.
func BootID() string {
	id, err := syscall.Sysctl("kern.bootsessionuuid")
	if err != nil {
		return ""
	}
	return id
}
