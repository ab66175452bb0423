// Bench measures whole processes of "aws-credproc get" beside the least that a Go program can do and beside what other
// people use: warm, cold, and many at once. It prints the tables of docs/performance.md.
//
// The programs run in turns, so that whatever else the machine does hits all of them alike, and the medians are
// compared. Its argument is the directory with the programs; it needs a Secret Service to itself (scripts/bench.sh sees
// to both). BENCH_RUNS is how often each program runs. Nothing that it starts reaches past this machine.
package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
)

// defaultRuns is how often each program runs.
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
