package credproc

import (
	"os"
	"strings"
)

// bootID tells one run of one machine from another, so that a home that several instances share gives none of them the
// session of another. "" where it cannot be known.
func bootID() string {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(id))
}
