//go:build unix && !darwin

package doctor

// desktopPath is the PATH that programs started by a desktop or by systemd can rely on: what Debian's login.defs,
// Fedora's and systemd's own default (systemd.exec(5)) have in common. Shells add to it in their start-up files.
func desktopPath() []string { return []string{"/usr/local/bin", "/usr/bin", "/bin"} }
