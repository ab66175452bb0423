// Package childtest lets a test start its own binary as a child process that runs a function.
package childtest

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
)

// childVar names the function that a child runs.
const childVar = "AWS_CREDPROC_TEST_CHILD"

var funcs = map[string]func(args []string) error{}

// Register registers a function under a name. Call it from an init function of the test.
func Register(name string, f func(args []string) error) { funcs[name] = f }

// IsChild reports whether this process was started by [Command].
func IsChild() bool { return os.Getenv(childVar) != "" }

// Main runs the function of a child and exits, or returns if this process is not a child. Call it
// first in TestMain.
func Main() {
	if !IsChild() {
		return
	}
	if err := funcs[os.Getenv(childVar)](os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// Command returns the command that runs a registered function in a child.
func Command(t testing.TB, name string, args ...string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe, args...)
	cmd.Env = append(os.Environ(), childVar+"="+name)
	return cmd
}

// Run runs n children concurrently and returns what each wrote to stdout. args returns the
// arguments of the i-th child.
func Run(t *testing.T, n int, name string, args func(i int) []string) []string {
	t.Helper()
	out := make([]string, n)
	var all sync.WaitGroup
	for i := range n {
		cmd := Command(t, name, args(i)...)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		all.Go(func() {
			b, err := cmd.Output()
			if err != nil {
				t.Errorf("child %d: %v: %s", i, err, stderr.String())
			}
			out[i] = strings.TrimSpace(string(b))
		})
	}
	all.Wait()
	return out
}
