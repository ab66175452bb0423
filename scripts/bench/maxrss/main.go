// Maxrss runs a program, discards its output and prints its maximum resident set size in bytes. It
// prints 0 if that is unknown.
//
// It is a small separate program because on Linux the maximum of a child includes the memory that
// it shares with its parent before exec.
package main

import (
	"os"
	"strconv"
)

func main() {
	size, err := run(os.Args[1:])
	if err == nil {
		_, err = os.Stdout.WriteString(strconv.FormatInt(size, 10) + "\n")
	}
	if err != nil {
		os.Stderr.WriteString("maxrss: " + err.Error() + "\n")
		os.Exit(1)
	}
}

func run(command []string) (int64, error) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return 0, err
	}
	process, err := os.StartProcess(command[0], command, &os.ProcAttr{
		Files: []*os.File{null, null, os.Stderr},
	})
	if err != nil {
		return 0, err
	}
	state, err := process.Wait()
	if err != nil {
		return 0, err
	}
	if !state.Success() {
		return 0, &os.PathError{Op: "run", Path: command[0], Err: os.ErrInvalid}
	}
	return maxRSS(state), nil
}
