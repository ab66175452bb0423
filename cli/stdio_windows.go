package cli

import "os"

// unbroken has nothing to do: a write to a pipe that nobody reads is an error like others here.
func unbroken(f *os.File) *os.File { return f }
