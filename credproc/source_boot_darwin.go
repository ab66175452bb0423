package credproc

import "golang.org/x/sys/unix"

// bootID tells one run of one machine from another, so that a home that several instances share gives none of them the
// session of another. "" where it cannot be known.
func bootID() string {
	id, err := unix.Sysctl("kern.bootsessionuuid")
	if err != nil {
		return ""
	}
	return id
}
