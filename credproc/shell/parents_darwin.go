package shell

import "golang.org/x/sys/unix"

// parents returns the parent of each process, from sysctl(3).
func parents() map[int]int {
	all := map[int]int{}
	list, _ := unix.SysctlKinfoProcSlice("kern.proc.all") // on failure children are not killed
	for _, p := range list {
		all[int(p.Proc.P_pid)] = int(p.Eproc.Ppid)
	}
	return all
}
