//go:build unix && !darwin

package doctor

// desktopPath returns the PATH that programs started by a desktop or by systemd can rely on: the
// directories common to the login.defs of Debian and Fedora and to systemd.exec(5). Shells add to
// it in their start-up files.
func desktopPath() []string { return []string{"/usr/local/bin", "/usr/bin", "/bin"} }
