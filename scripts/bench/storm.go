package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"aws-credproc/internal/ststest"
)

const (
	stsDelay = 100 * time.Millisecond // the response time of STS in a storm
	// stormGoal is the goal for the wall time of the largest storm on 2 CPUs.
	stormGoal = stsDelay + 1500*time.Millisecond
	stormRuns = 3 // the maximum number of runs
)

var stormSizes = []int{1, 10, 50, 200}

// storm is the result of many processes that start together and need one session that is not
// cached.
type storm struct {
	calls int           // of STS
	wall  time.Duration // until the last process has ended
	worst time.Duration // the longest time of a process
}

func (b *bench) storms() error {
	b.sts.Fault(ststest.Fault{Kind: ststest.Slow, Delay: stsDelay, Times: ststest.Always})
	defer b.sts.ClearFaults()
	runs := min(b.runs, stormRuns)
	rows := make([][]storm, len(stormSizes))
	for i, n := range stormSizes {
		for _, store := range b.stores {
			var all []storm
			for range runs {
				s, err := b.storm(store, n)
				if err != nil {
					return fmt.Errorf("%d processes, %s store: %w", n, store, err)
				}
				all = append(all, s)
			}
			slices.SortFunc(all, func(s, t storm) int { return cmp.Compare(s.wall, t.wall) })
			rows[i] = append(rows[i], all[len(all)/2])
		}
	}
	printStorms(b.stores, rows, runs)
	return nil
}

// storm runs n processes. It fails unless they make one STS call and all print its session.
func (b *bench) storm(store string, n int) (storm, error) {
	if _, err := b.clear(store).output(); err != nil {
		return storm{}, err
	}
	b.sts.ResetRequests()
	ids, errs, times := make([]string, n), make([]error, n), make([]time.Duration, n)
	var done sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		done.Go(func() {
			<-start
			began := time.Now()
			ids[i], errs[i] = b.accessKeyID(store)
			times[i] = time.Since(began)
		})
	}
	began := time.Now()
	close(start)
	done.Wait()
	s := storm{wall: time.Since(began), worst: slices.Max(times), calls: b.calls()}
	if err := errors.Join(errs...); err != nil {
		return storm{}, err
	}
	if other := slices.IndexFunc(ids, func(id string) bool { return id != ids[0] }); other >= 0 {
		return storm{}, fmt.Errorf("two sessions were printed, %s and %s", ids[0], ids[other])
	}
	if s.calls != 1 {
		return storm{}, fmt.Errorf("%d STS calls, want 1", s.calls)
	}
	return s, nil
}

// accessKeyID runs get and returns the access key ID that it prints.
func (b *bench) accessKeyID(store string) (string, error) {
	cmd := b.get(store).command()
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
