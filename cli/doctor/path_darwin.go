package doctor

// desktopPath is the PATH that launchd gives to programs started from Finder or the Dock (launchd's _PATH_STDPATH). What
// path_helper(8) and shells add, such as /usr/local/bin and /opt/homebrew/bin, is not in it.
func desktopPath() []string { return []string{"/usr/bin", "/bin", "/usr/sbin", "/sbin"} }
