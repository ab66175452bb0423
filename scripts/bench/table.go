package main

import (
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"
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

// printStorms prints a row for each program, with the times for each of stormSizes.
func printStorms(title string, rows []stormRow, runs int) {
	fmt.Printf("Many concurrent processes, %s: wall time, longest process, memory of all. "+
		"STS responds after %d ms. Medians of %d runs (%d CPUs):\n\n",
		title, stsDelay.Milliseconds(), runs, runtime.NumCPU())
	head, rule := "| |", "|---|"
	for _, n := range stormSizes {
		head, rule = fmt.Sprintf("%s %d |", head, n), rule+"---|"
	}
	fmt.Println(head + " STS calls |")
	fmt.Println(rule + "---|")
	for _, row := range rows {
		fmt.Printf("| %s |", row.name)
		for _, s := range row.storms {
			fmt.Printf(" %.0f ms, %.0f ms, %d MiB |",
				milliseconds(s.wall), milliseconds(s.worst), s.memory>>20)
		}
		fmt.Printf(" %s |\n", row.calls())
	}
	fmt.Println()
}

// calls returns the STS calls of each storm, or one number if all have the same.
func (row stormRow) calls() string {
	var numbers []string
	for _, s := range row.storms {
		numbers = append(numbers, strconv.Itoa(s.calls))
	}
	if len(slices.Compact(slices.Clone(numbers))) == 1 {
		return numbers[0]
	}
	return strings.Join(numbers, ", ")
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
