//go:build unix

package main

import "os/exec"

// onPath finds a program on the PATH.
func onPath(name string) (string, error) { return exec.LookPath(name) }

// plainPath gives a file's path in a form that every SDK can start, and whether there is one: quotes do here.
func plainPath(path string) (plain string, ok bool) { return path, true }
