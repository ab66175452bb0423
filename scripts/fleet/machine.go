package main

import (
	"math"
	"math/rand/v2"
	"slices"
)

// The working day of a machine. Times are seconds since midnight.
const (
	hour          = 60 * 60
	meanStart     = 9 * hour
	startSpread   = 40 * 60 // standard deviation
	workSpan      = 8 * hour
	burstsPerHour = 12.0 // of the profile that is used most; that of the n-th is a n-th of it
	meanBurst     = 2.0  // processes that start together, such as those of a script
	maxBurst      = 50
	longRunning   = 0.02 // part of the bursts with a process that runs for 1 to 4 hours
	scheduled     = 0.2  // part of the machines that run a job at each full hour
)

// use is a time at which processes need credentials of a profile.
type use struct {
	at        int // second of the day
	processes int
	runs      int // seconds that one of them goes on running
}

// simulateMachine adds the calls of one machine. The machine's number decides everything random.
func simulateMachine(number uint64, totals []*calls) {
	r := rand.New(rand.NewPCG(number, 1))
	start := min(max(meanStart+int(r.NormFloat64()*startSpread), 6*hour), 12*hour)
	jobs := r.Float64() < scheduled
	for profile := 1; profile <= profiles; profile++ {
		uses := usesOf(r, start, burstsPerHour/float64(profile))
		if jobs && profile == 1 {
			uses = append(uses, hourlyJobs(start)...)
			slices.SortStableFunc(uses, func(a, b use) int { return a.at - b.at })
		}
		for i, s := range strategies {
			s.simulate(r, uses, totals[i])
		}
	}
}

// usesOf returns uses at random times, at the given rate.
func usesOf(r *rand.Rand, start int, perHour float64) (uses []use) {
	for at := float64(start); ; {
		at += r.ExpFloat64() * hour / perHour
		if at >= float64(start+workSpan) {
			return uses
		}
		u := use{at: int(at), processes: 1}
		for u.processes < maxBurst && r.Float64() < 1-1/meanBurst {
			u.processes++
		}
		if r.Float64() < longRunning {
			u.runs = hour + r.IntN(3*hour)
		}
		uses = append(uses, u)
	}
}

// hourlyJobs returns one use at each full hour of a machine's working day.
func hourlyJobs(start int) (uses []use) {
	first := int(math.Ceil(float64(start)/hour)) * hour
	for at := first; at < start+workSpan; at += hour {
		uses = append(uses, use{at: at, processes: 1})
	}
	return uses
}
