package shell

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// parents returns the parent of each visible process, from proc_pid_stat(5).
func parents() map[int]int {
	all := map[int]int{}
	paths, _ := filepath.Glob("/proc/[0-9]*/stat") // the pattern is valid
	for _, path := range paths {
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err != nil {
			continue
		}
		b, err := os.ReadFile(path)
		if err != nil {
			continue // the process has ended
		}
		var state string
		var parent int
		fields := string(b)[strings.LastIndexByte(string(b), ')')+1:] // after the command name
		if _, err := fmt.Sscan(fields, &state, &parent); err == nil {
			all[pid] = parent
		}
	}
	return all
}
