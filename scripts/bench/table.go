package main

import (
	"fmt"
	"runtime"
	"time"
)

// reference is a program that the others are compared with, and its name in the table.
type reference struct {
	head string
	*program
}

// printTable prints the programs as a Markdown table, and then the notes.
func printTable(title string, rows []*program, references []reference, notes []string) {
	fmt.Printf("%s (%s, %s/%s, %d CPUs):\n\n",
		title, runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU())
	head, rule := "| | median |", "|---|---|"
	for _, r := range references {
		head, rule = head+" "+r.head+" = 1 |", rule+"---|"
	}
	fmt.Println(head + " memory | STS calls |")
	fmt.Println(rule + "---|---|")
	for _, p := range rows {
		fmt.Printf("| %s | %.2f ms |", p.name, milliseconds(median(p.times)))
		for _, r := range references {
			fmt.Printf(" %.2f |", float64(median(p.times))/float64(median(r.times)))
		}
		memory := "?"
		if p.memory > 0 {
			memory = fmt.Sprintf("%.1f MiB", float64(p.memory)/(1<<20))
		}
		fmt.Printf(" %s | %.3g |\n", memory, float64(p.calls)/float64(len(p.times)))
	}
	fmt.Println()
	for _, note := range notes {
		fmt.Println(note)
	}
	if len(notes) > 0 {
		fmt.Println()
	}
}

// printStorms prints a row for each of stormSizes with the times for each store.
func printStorms(stores []string, rows [][]storm, runs int) {
	fmt.Printf("Many concurrent processes without a cached session, STS responds after %d ms, "+
		"wall time and longest process, medians of %d runs (%d CPUs):\n\n",
		stsDelay.Milliseconds(), runs, runtime.NumCPU())
	head, rule := "| processes | STS calls |", "|---|---|"
	for _, store := range stores {
		head, rule = head+" "+store+" store |", rule+"---|"
	}
	fmt.Println(head)
	fmt.Println(rule)
	for i, row := range rows {
		fmt.Printf("| %d | %d |", stormSizes[i], row[0].calls)
		for _, s := range row {
			fmt.Printf(" %.0f ms, %.0f ms |", milliseconds(s.wall), milliseconds(s.worst))
		}
		fmt.Println()
	}
	fmt.Printf("\nGoal: 200 processes on 2 CPUs within %d ms.\n", stormGoal.Milliseconds())
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
