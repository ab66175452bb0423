package plan

import (
	"os"
	"strings"
)

// BootID identifies a run of a machine, so that instances which share a home directory do not share
// sessions. It returns "" if it is unknown.
func BootID() string {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(id))
}
