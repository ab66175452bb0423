package cli

import "golang.org/x/sys/unix"

// harden keeps the process's memory from other processes of the same user and out of core files, as far as the system
// lets it. Where it does not, the program still does its work: what an attacker of the same user can do otherwise is
// in the threat model.
func harden() {
	_ = unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0)
}
