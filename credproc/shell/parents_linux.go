package shell

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// parents gives the parent of each process that is seen here: proc_pid_stat(5).
func parents() map[int]int {
	all := map[int]int{}
	paths, _ := filepath.Glob("/proc/[0-9]*/stat") // the only error is of the pattern
	for _, path := range paths {
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err != nil {
			continue
		}
		b, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		var state string
		var parent int
		text := string(b)[strings.LastIndexByte(string(b), ')')+1:] // behind the name, which may hold anything
		if _, err := fmt.Sscan(text, &state, &parent); err == nil {
			all[pid] = parent
		}
	}
	return all
}
