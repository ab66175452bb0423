package shell

import "golang.org/x/sys/unix"

// parents gives the parent of each process: sysctl(3).
func parents() map[int]int {
	all := map[int]int{}
	list, _ := unix.SysctlKinfoProcSlice("kern.proc.all") // an error: none is known, and so only the command itself is ended
	for _, p := range list {
		all[int(p.Proc.P_pid)] = int(p.Eproc.Ppid)
	}
	return all
}
