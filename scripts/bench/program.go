package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// program is one row of a table.
type program struct {
	name   string
	path   string
	args   []string
	env    []string
	before *program // runs before each run, without being timed
	every  int      // runs only in every nth turn, because it is slow; 0 means 1

	times  []time.Duration
	calls  int   // of STS, in timed runs
	memory int64 // maximum resident set size in bytes; 0 if unknown
}

// program returns a program that scripts/bench.sh has built.
func (b *bench) program(name, file string, args ...string) *program {
	return &program{name: name, path: filepath.Join(b.bin, file), args: args, env: b.env}
}

func (b *bench) credproc(args ...string) *program {
	return b.program("aws-credproc "+strings.Join(args, " "), "aws-credproc", args...)
}

// inTurns measures the programs in this many turns, after one run that does not count.
func (b *bench) inTurns(programs []*program, runs int) error {
	for _, p := range programs {
		if _, err := b.time(p); err != nil {
			return err
		}
	}
	order := slices.Clone(programs)
	for turn := range runs {
		// A program may be slower after a large one, so the order is random.
		rand.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		for _, p := range order {
			if turn%max(p.every, 1) != 0 {
				continue
			}
			took, err := b.time(p)
			if err != nil {
				return err
			}
			p.times = append(p.times, took)
			p.calls += b.calls()
		}
	}
	for _, p := range programs {
		if err := b.measure(p, min(runs, 5)); err != nil {
			return err
		}
	}
	return nil
}

// time runs a program once and returns the elapsed time. Afterwards, calls returns the number of
// STS calls of this run.
func (b *bench) time(p *program) (time.Duration, error) {
	if p.before != nil {
		if _, err := p.before.output(); err != nil {
			return 0, err
		}
	}
	b.sts.ResetRequests()
	cmd := p.command()
	// Stderr is a file and stdout is /dev/null: with pipes, os/exec would copy output during the run.
	cmd.Stderr = os.Stderr
	start := time.Now()
	err := cmd.Run()
	took := time.Since(start)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", p.name, err)
	}
	return took, nil
}

// calls returns the number of STS calls since the last reset.
func (b *bench) calls() int { return len(b.sts.Requests()) }

// measure runs a program several times and stores the median of its memory use.
func (b *bench) measure(p *program, runs int) error {
	m := b.program(p.name, "maxrss", append([]string{p.path}, p.args...)...)
	m.env = p.env
	var sizes []int64
	for range runs {
		if p.before != nil {
			if _, err := p.before.output(); err != nil {
				return err
			}
		}
		out, err := m.output()
		if err != nil {
			return err
		}
		size, err := strconv.ParseInt(strings.TrimSpace(string(out)), 10, 64)
		if err != nil {
			return fmt.Errorf("maxrss: %w", err)
		}
		sizes = append(sizes, size)
	}
	p.memory = median(sizes)
	return nil
}

func (p *program) command() *exec.Cmd {
	cmd := exec.Command(p.path, p.args...)
	cmd.Env = p.env
	return cmd
}

// output runs the program once and returns its stdout. The error includes the last line of stderr.
func (p *program) output() ([]byte, error) {
	out, message, err := p.run()
	if err != nil {
		return nil, fmt.Errorf("%s: %w%s", p.name, err, message)
	}
	return out, nil
}

// run runs the program once. message is ": " and the last line of stderr, or "".
func (p *program) run() (out []byte, message string, err error) {
	cmd := p.command()
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err = cmd.Output()
	if text := strings.TrimSpace(stderr.String()); text != "" {
		message = ": " + text[strings.LastIndexByte(text, '\n')+1:]
	}
	return out, message, err
}

// median returns the middle element, or the upper of the two middle elements.
func median[T int64 | time.Duration](all []T) T {
	all = slices.Clone(all)
	slices.Sort(all)
	return all[len(all)/2]
}
