package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// otherTools are tools on the PATH that cache the session of a role. fill are the arguments that
// make the tool call STS and cache the session; warm are those that are timed.
var otherTools = []struct {
	command    string
	fill, warm []string
}{
	{
		"aws", []string{"sts", "get-caller-identity", "--profile", noStore},
		[]string{"configure", "export-credentials", "--profile", noStore},
	},
}

// others returns a row for each other tool that works, and adds notes on those that do not. A tool
// may be installed in several versions that share a cache. AWS CLI version 1 has no
// export-credentials, and version 2 before 2.13 does not support AWS_ENDPOINT_URL_STS. So any
// version may fill the cache, and the first version that can read it is timed.
func (b *bench) others() (rows []*program) {
	for _, o := range otherTools {
		var fillers, candidates []*program
		for _, path := range onPath(o.command) {
			version, _, _ := strings.Cut(b.versionOf(path), " ")
			name := fmt.Sprintf("`%s %s` (%s)", o.command, strings.Join(o.warm[:2], " "), version)
			fillers = append(fillers, &program{name: path, path: path, args: o.fill, env: b.env})
			candidates = append(candidates,
				&program{name: name, path: path, args: o.warm, env: b.env, every: 10})
		}
		if len(candidates) == 0 {
			b.notes = append(b.notes, fmt.Sprintf("%s is not on the PATH.", o.command))
			continue
		}
		_, err := first(fillers)
		var p *program
		if err == nil {
			p, err = first(candidates)
		}
		if err != nil {
			b.notes = append(b.notes, fmt.Sprintf("%s was not measured: %v.", o.command, err))
			continue
		}
		rows = append(rows, p)
	}
	return rows
}

// first runs the programs until one succeeds and returns that one, or the error of the last one.
func first(programs []*program) (p *program, err error) {
	for _, p = range programs {
		if _, err = p.output(); err == nil {
			return p, nil
		}
	}
	return nil, err
}

// versionOf returns the output of --version.
func (b *bench) versionOf(path string) string {
	out, err := (&program{path: path, args: []string{"--version"}, env: b.env}).output()
	if err != nil {
		return "unknown version"
	}
	return string(out)
}

// onPath returns all programs of this name on the PATH, except the shims of version managers, which
// take time themselves.
func onPath(name string) (paths []string) {
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		path := filepath.Join(dir, name)
		info, err := os.Stat(path)
		if err == nil && info.Mode().IsRegular() && filepath.Base(dir) != "shims" {
			paths = append(paths, path)
		}
	}
	return paths
}
