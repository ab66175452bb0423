package cache

import (
	"runtime"
	"time"

	"aws-credproc/internal/childtest"
)

// Windows does not remove a directory that is open, and a Cache keeps its state directory open
// until it is collected. The cleanup of a test tries to remove the directory for two seconds.
// Children end soon, so they need not collect.
func init() {
	if childtest.IsChild() {
		return
	}
	go func() {
		for range time.Tick(50 * time.Millisecond) {
			runtime.GC()
		}
	}()
}
