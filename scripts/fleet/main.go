// Command fleet simulates how many STS calls the machines of a large company make on a working day:
// with aws-credproc, with the AWS CLI's own cache, and with one call per process. It prints the
// table of docs/performance.md and writes the picture to the file that is its argument.
//
// For aws-credproc it uses the program's own rules of when a session is used and renewed. The
// result is the same in every run.
package main

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
)

const (
	machines = 50_000
	profiles = 10 // of a machine, with a role each
	daySpan  = 24 * 60 * 60
)

// calls is the number of STS calls in each second of a day.
type calls [daySpan]int32

func (c *calls) add(other *calls) {
	for i, n := range other {
		c[i] += n
	}
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: fleet PICTURE.svg")
		os.Exit(2)
	}
	totals := simulate()
	fmt.Print(table(totals))
	if err := os.WriteFile(os.Args[1], []byte(picture(totals)), 0o644); err != nil {
		fmt.Fprintln(os.Stderr, "fleet:", err)
		os.Exit(1)
	}
}

// simulate returns the calls of all machines, by strategy.
func simulate() []*calls {
	var mu sync.Mutex
	totals := newTotals()
	var wg sync.WaitGroup
	workers := runtime.GOMAXPROCS(0)
	for worker := range workers {
		wg.Go(func() {
			own := newTotals()
			for m := worker; m < machines; m += workers {
				simulateMachine(uint64(m), own)
			}
			mu.Lock()
			defer mu.Unlock()
			for i := range totals {
				totals[i].add(own[i])
			}
		})
	}
	wg.Wait()
	return totals
}

func newTotals() []*calls {
	totals := make([]*calls, len(strategies))
	for i := range totals {
		totals[i] = new(calls)
	}
	return totals
}

// table returns the totals as Markdown. The mean is that of 08:00 to 18:00.
func table(totals []*calls) string {
	const from, to = 8 * 60 * 60, 18 * 60 * 60
	var b strings.Builder
	b.WriteString("| | STS calls a day | mean per second | peak per second |\n|---|---|---|---|\n")
	for i, s := range strategies {
		sum, working, peak := 0, 0, int32(0)
		for second, n := range totals[i] {
			sum += int(n)
			peak = max(peak, n)
			if second >= from && second < to {
				working += int(n)
			}
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n",
			s.name, thousands(sum), thousands(working/(to-from)), thousands(int(peak)))
	}
	return b.String()
}

// thousands returns n with commas.
func thousands(n int) string {
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%s,%03d", thousands(n/1000), n%1000)
}
