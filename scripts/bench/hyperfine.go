package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// hyperfine prints what hyperfine, where it is on the PATH, finds for the same programs: a second opinion, since it
// runs them in blocks, one program after the other.
func (b *bench) hyperfine(programs []*program) error {
	path, err := exec.LookPath("hyperfine")
	if err != nil {
		fmt.Print("hyperfine is not on the PATH: no second opinion.\n\n")
		return nil
	}
	result := filepath.Join(b.dir, "hyperfine.md")
	args := []string{"-N", "--style", "none", "--warmup", "1", "--max-runs", strconv.Itoa(max(b.runs, 2)), "--export-markdown", result}
	for _, p := range programs {
		command := []string{quote(p.path)}
		for _, a := range p.args {
			command = append(command, quote(a))
		}
		args = append(args, "--command-name", strings.ReplaceAll(p.name, "`", ""), strings.Join(command, " "))
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
	fmt.Printf("The same by hyperfine, one program after the other:\n\n%s\n", text)
	return nil
}

// quote makes a word out of a string, as hyperfine and shells read it.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
