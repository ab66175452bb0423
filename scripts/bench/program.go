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

// A program is one row of a table.
type program struct {
	name   string
	path   string
	args   []string
	env    []string
	before *program // runs first each time, and is not timed
	every  int      // takes part in every so many turns only, since it is slow; 0 is 1

	times  []time.Duration
	calls  int   // of STS, in the runs that were timed
	memory int64 // the most that was resident, in bytes; 0 where the system does not tell
}

// program is one that scripts/bench.sh has built.
func (b *bench) program(name, file string, args ...string) *program {
	return &program{name: name, path: filepath.Join(b.bin, file), args: args, env: b.env}
}

func (b *bench) credproc(args ...string) *program {
	return b.program("aws-credproc "+strings.Join(args, " "), "aws-credproc", args...)
}

// inTurns runs each program that often, after once that does not count, and measures time and calls, then memory.
func (b *bench) inTurns(programs []*program, runs int) error {
	for _, p := range programs {
		if _, err := b.time(p); err != nil {
			return err
		}
	}
	order := slices.Clone(programs)
	for turn := range runs {
		// In another order each time: the machine is not the same after a large program as after a small one.
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

// time runs a program once and returns how long that took. The STS counts its calls alone.
func (b *bench) time(p *program) (time.Duration, error) {
	if p.before != nil {
		if _, err := p.before.output(); err != nil {
			return 0, err
		}
	}
	b.sts.ResetRequests()
	cmd := p.command()
	// Files, not pipes: no goroutine of ours is in the way. Standard output is /dev/null, standard error ours.
	cmd.Stderr = os.Stderr
	start := time.Now()
	err := cmd.Run()
	took := time.Since(start)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", p.name, err)
	}
	return took, nil
}

// calls is how many calls of STS there were since it was reset.
func (b *bench) calls() int { return len(b.sts.Requests()) }

// measure finds out how much memory a program had resident at most: the median of some runs, see maxrss.
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

// output runs the program once and returns what it printed. An error has what it said on stderr.
func (p *program) output() ([]byte, error) {
	out, said, err := p.run()
	if err != nil {
		return nil, fmt.Errorf("%s: %w%s", p.name, err, said)
	}
	return out, nil
}

// run runs the program once. said is the last line that it said on stderr, behind a colon, if it said any.
func (p *program) run() (out []byte, said string, err error) {
	cmd := p.command()
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err = cmd.Output()
	if text := strings.TrimSpace(stderr.String()); text != "" {
		said = ": " + text[strings.LastIndexByte(text, '\n')+1:]
	}
	return out, said, err
}

// median of an even number is the upper of the two in the middle.
func median[T int64 | time.Duration](all []T) T {
	all = slices.Clone(all)
	slices.Sort(all)
	return all[len(all)/2]
}
