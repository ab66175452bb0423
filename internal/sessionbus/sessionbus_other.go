//go:build !linux

// Package sessionbus connects to the D-Bus session bus, which is used on Linux only.
package sessionbus

// DialEarly does nothing.
func DialEarly() {}
