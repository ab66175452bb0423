package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// hyperfine prints the results of hyperfine for the same programs, if it is installed. It runs one
// program after the other.
func (b *bench) hyperfine(programs []*program) error {
	path, err := exec.LookPath("hyperfine")
	if err != nil {
		fmt.Print("hyperfine is not on the PATH.\n\n")
		return nil
	}
	result := filepath.Join(b.dir, "hyperfine.md")
	args := []string{
		"-N", "--style", "none", "--warmup", "1", "--max-runs", strconv.Itoa(max(b.runs, 2)),
		"--export-markdown", result,
	}
	for _, p := range programs {
		command := []string{quote(p.path)}
		for _, a := range p.args {
			command = append(command, quote(a))
		}
		name := strings.ReplaceAll(p.name, "`", "")
		args = append(args, "--command-name", name, strings.Join(command, " "))
	}
	cmd := exec.Command(path, args...)
	cmd.Env = b.env
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("hyperfine: %w: %s", err, out)
	}
	text, err := os.ReadFile(result)
	if err != nil {
		return err
	}
	fmt.Printf("Results of hyperfine:\n\n%s\n", text)
	return nil
}

// quote quotes a word for hyperfine.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
