package main

import (
	"bufio"
	"fmt"
	"os"
	"time"
)

// watchMemory measures the memory of all processes that run until stop is called: the largest
// decrease of the memory that Linux reports as available. It includes what the kernel and the
// keyring need for them. The result is 0 if it is unknown.
func watchMemory() (stop func() int64) {
	before := availableMemory()
	least := before
	end, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		ticks := time.NewTicker(10 * time.Millisecond)
		defer ticks.Stop()
		for {
			least = min(least, availableMemory())
			select {
			case <-end:
				return
			case <-ticks.C:
			}
		}
	}()
	return func() int64 {
		close(end)
		<-ended
		return before - least
	}
}

// availableMemory returns MemAvailable of /proc/meminfo in bytes, and 0 if there is none.
func availableMemory() int64 {
	f, err := os.Open("/proc/meminfo")
	if err != nil {
		return 0
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var kb int64
		if n, _ := fmt.Sscanf(lines.Text(), "MemAvailable: %d kB", &kb); n == 1 {
			return kb << 10
		}
	}
	return 0
}
