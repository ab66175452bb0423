//go:build unix

package credproc

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A command that hangs ends at the deadline with the processes that it started, which have the same
// standard output.
func TestChildrenOfCommandEndAtDeadline(t *testing.T) {
	w := newFixture(t)
	parent, child := filepath.Join(w.dir, "parent"), filepath.Join(w.dir, "child")
	w.config("[profile leaf]\ncredential_process = " + command("hang", parent, child) + " ; true")
	c, err := w.chain("leaf")
	must(t, err)
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	running := make(chan []int, 1)
	go func() {
		var pids []int
		for _, path := range []string{parent, child} {
			text := waitFor(t, path)
			pid, err := strconv.Atoi(text)
			if err != nil {
				t.Error(err)
			}
			pids = append(pids, pid)
		}
		running <- pids
		cancel(context.DeadlineExceeded)
	}()
	_, err = w.resolver.Credentials(ctx, c)
	checkError(t, w, err, "credential_process did not end within the time allowed", temporary)
	for _, pid := range <-running {
		for limit := time.Now().Add(20 * time.Second); isRunning(pid); time.Sleep(time.Millisecond) {
			if time.Now().After(limit) {
				t.Fatalf("process %d is left behind", pid)
			}
		}
	}
}

// isRunning reports whether a process runs. One that has ended may be a zombie.
func isRunning(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return false
	}
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err != nil || !strings.Contains(string(stat), ") Z ")
}
