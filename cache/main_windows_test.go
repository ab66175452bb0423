package cache

import (
	"aws-credproc/internal/childtest"
	"runtime"
	"time"
)

// Windows removes no directory that is open, and a Cache, which ends with its process, has its state directory open. Of
// a test that is over it is closed when it is collected; what removes the directory tries for two seconds. A child ends
// soon, and fifty of them would keep the machine busy with this.
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
