package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// otherTools are tools that give a role's credentials too, and keep its session in a cache of their own. Each is measured
// as it is found on the PATH. fill makes the tool call STS once, warm is what is timed.
var otherTools = []struct {
	command    string
	fill, warm []string
}{
	{"aws", []string{"sts", "get-caller-identity", "--profile", noStore}, []string{"configure", "export-credentials", "--profile", noStore}},
}

// others gives a row for each other tool that works here, and notes why the rest has none. A tool may be there in several
// versions, which share a cache: of the AWS CLI, version 1 has no export-credentials, and version 2 before 2.13 knows no
// AWS_ENDPOINT_URL_STS. So whichever can fills the cache, and the first that then can is timed.
func (b *bench) others() (rows []*program) {
	for _, o := range otherTools {
		var fillers, candidates []*program
		for _, path := range onPath(o.command) {
			version, _, _ := strings.Cut(b.versionOf(path), " ")
			name := fmt.Sprintf("`%s %s` (%s)", o.command, strings.Join(o.warm[:2], " "), version)
			fillers = append(fillers, &program{name: path, path: path, args: o.fill, env: b.env})
			candidates = append(candidates, &program{name: name, path: path, args: o.warm, env: b.env, every: 10})
		}
		if len(candidates) == 0 {
			b.notes = append(b.notes, fmt.Sprintf("No row for %s: it is not on the PATH.", o.command))
			continue
		}
		_, err := first(fillers)
		var p *program
		if err == nil {
			p, err = first(candidates)
		}
		if err != nil {
			b.notes = append(b.notes, fmt.Sprintf("No row for %s: %v.", o.command, err))
			continue
		}
		rows = append(rows, p)
	}
	return rows
}

// first runs programs until one succeeds, and returns that, or the error of the last.
func first(programs []*program) (p *program, err error) {
	for _, p = range programs {
		if _, err = p.output(); err == nil {
			return p, nil
		}
	}
	return nil, err
}

// versionOf gives what a program says of itself, if anything.
func (b *bench) versionOf(path string) string {
	out, err := (&program{path: path, args: []string{"--version"}, env: b.env}).output()
	if err != nil {
		return "of an unknown version"
	}
	return string(out)
}

// onPath finds every program of a name on the PATH, but for the shims of version managers, whose own time would count.
func onPath(name string) (paths []string) {
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		path := filepath.Join(dir, name)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && filepath.Base(dir) != "shims" {
			paths = append(paths, path)
		}
	}
	return paths
}
