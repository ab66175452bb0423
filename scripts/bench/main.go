// Bench measures processes of "aws-credproc get" and compares them with minimal Go programs and
// with other tools: with a cached session, without one, and many concurrent processes. It prints
// the tables of docs/performance.md.
//
// The programs run in turns, so that other load on the machine affects all of them, and the medians
// are compared. The argument is the directory with the programs. Bench needs a Secret Service that
// nothing else uses. scripts/bench.sh provides both. BENCH_RUNS is the number of runs of each
// program. No program connects to another machine.
package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
)

const defaultRuns = 300

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run() (err error) {
	if len(os.Args) != 2 {
		return errors.New("usage: bench DIR")
	}
	runs := defaultRuns
	if s := os.Getenv("BENCH_RUNS"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 {
			return fmt.Errorf("BENCH_RUNS=%q is not a number of runs", s)
		}
		runs = n
	}
	b, err := newBench(os.Args[1], runs)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	for _, part := range []func() error{b.findStores, b.warm, b.cold, b.storms} {
		if err := part(); err != nil {
			return err
		}
	}
	return nil
}
