package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"
	"time"

	"aws-credproc/internal/ststest"
)

const (
	stsDelay  = 100 * time.Millisecond // the response time of STS in a storm
	stormRuns = 3                      // the maximum number of runs
)

// stormSizes are the numbers of processes that start together.
var stormSizes = []int{1, 10, 50, 200, 1000}

// storm is the result of many processes that start together.
type storm struct {
	calls  int           // of STS
	wall   time.Duration // until the last process has ended
	worst  time.Duration // the longest time of a process
	memory int64         // used by all together, in bytes; 0 if unknown
}

// stormRow is a program with its results for stormSizes.
type stormRow struct {
	name   string
	storms []storm
}

// storms measures many processes, first without a cached session and then with one.
func (b *bench) storms() error {
	b.sts.Fault(ststest.Fault{Kind: ststest.Slow, Delay: stsDelay, Times: ststest.Always})
	defer b.sts.ClearFaults()
	var cold, warm []*program
	for _, store := range b.stores {
		p := b.get(store)
		p.before = b.clear(store)
		cold = append(cold, p)
		warm = append(warm, b.get(store))
	}
	hello, lone, err := b.references()
	if err != nil {
		return err
	}
	if err := b.stormTable("without a cached session", cold, b.session); err != nil {
		return err
	}
	for _, p := range warm { // the keyring may have been too busy to store a session
		if err := b.fill(p); err != nil {
			return err
		}
	}
	if err := b.stormTable("with a cached session", warm, b.session); err != nil {
		return err
	}
	return b.stormTable("minimal programs", []*program{hello, lone}, b.anything)
}

// stormTable measures the programs in storms of all sizes and prints a table.
func (b *bench) stormTable(
	title string, programs []*program, run func(*program) (string, error),
) error {
	runs := min(b.runs, stormRuns)
	var rows []stormRow
	for _, p := range programs {
		row := stormRow{name: p.name}
		for _, n := range stormSizes {
			all := make([]storm, runs)
			for i := range all {
				var err error
				if all[i], err = b.storm(p, n, run); err != nil {
					return fmt.Errorf("%s, %d processes: %w", p.name, n, err)
				}
			}
			slices.SortFunc(all, func(s, t storm) int { return cmp.Compare(s.wall, t.wall) })
			row.storms = append(row.storms, all[len(all)/2])
		}
		rows = append(rows, row)
	}
	printStorms(title, rows, runs)
	return nil
}

// storm starts n processes of a program together. It fails if they have more results than sessions:
// the cached one, and one for each STS call. There is more than one on a busy machine, where the
// keyring may not respond in time.
func (b *bench) storm(p *program, n int, run func(*program) (string, error)) (storm, error) {
	if p.before != nil {
		if _, err := p.before.output(); err != nil {
			return storm{}, err
		}
	}
	b.sts.ResetRequests()
	results, errs, times := make([]string, n), make([]error, n), make([]time.Duration, n)
	var done sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		done.Go(func() {
			<-start
			began := time.Now()
			results[i], errs[i] = run(p)
			times[i] = time.Since(began)
		})
	}
	memory := watchMemory()
	began := time.Now()
	close(start)
	done.Wait()
	s := storm{wall: time.Since(began), worst: slices.Max(times), calls: b.calls()}
	s.memory = memory()
	if err := errors.Join(errs...); err != nil {
		return storm{}, err
	}
	slices.Sort(results)
	if n := len(slices.Compact(results)); n > s.calls+1 {
		return storm{}, fmt.Errorf("%d results, and %d STS calls", n, s.calls)
	}
	return s, nil
}

// anything runs a program whose output does not matter.
func (b *bench) anything(p *program) (string, error) {
	cmd := p.command()
	cmd.Stdout, cmd.Stderr = io.Discard, os.Stderr
	return "", cmd.Run()
}

// session runs get and returns the access key ID that it prints.
func (b *bench) session(p *program) (string, error) {
	cmd := p.command()
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return "", err
	}
	var printed struct {
		Version                                    int
		AccessKeyID, SecretAccessKey, SessionToken string
	}
	if err := json.Unmarshal(out, &printed); err != nil {
		return "", err
	}
	if printed.Version != 1 || printed.AccessKeyID == "" || printed.SecretAccessKey == "" ||
		printed.SessionToken == "" {
		return "", errors.New("the output has no credentials")
	}
	return printed.AccessKeyID, nil
}
