package doctor

// desktopPath returns the PATH that launchd sets for programs started from Finder or the Dock
// (launchd's _PATH_STDPATH). path_helper(8) and shells add to it, for example /usr/local/bin and
// /opt/homebrew/bin.
func desktopPath() []string { return []string{"/usr/bin", "/bin", "/usr/sbin", "/sbin"} }
