// Package guard protects this process: its memory from other processes, and the process from a pipe
// that its reader has closed.
package guard
