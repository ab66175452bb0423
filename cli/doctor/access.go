package doctor

import (
	"io/fs"
	"os"
	"path/filepath"
)

const (
	groupOrOthersRead  fs.FileMode = 0o044
	groupOrOthersWrite fs.FileMode = 0o022
	othersRead         fs.FileMode = 0o004
	othersWrite        fs.FileMode = 0o002
)

// fileAccess finds files that other users of the machine can read or write.
func fileAccess(x *examination) (found []Finding) {
	for _, r := range x.config.raw {
		info, err := os.Stat(r.Path)
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		mode, hasKeys := accessOfOthers(info), r.hasKeys()
		f := Finding{Severity: Warning, Where: r.Path, Fix: run("chmod 600 " + x.sh.quote(r.Path))}
		switch {
		case mode&groupOrOthersWrite != 0:
			f.What = otherUsers(mode&othersWrite != 0) + " can write to the file"
			f.Why = "they can make your tools run their commands (credential_process) or use their keys"
		case mode&groupOrOthersRead != 0 && hasKeys:
			f.What = otherUsers(mode&othersRead != 0) + " can read the file, which contains keys"
			f.Why = "anyone who reads a key can use it"
		case mode&groupOrOthersRead != 0:
			f.What = otherUsers(mode&othersRead != 0) + " can read the file"
			f.Why = "it shows them your accounts, roles and external IDs"
		default:
			continue
		}
		// The group is often that of a single user.
		if mode&othersWrite != 0 || mode&othersRead != 0 && hasKeys {
			f.Severity = Error
		}
		found = append(found, f)
	}
	return found
}

// hasKeys reports whether the file contains secret keys.
func (r rawFile) hasKeys() bool {
	for _, l := range r.Lines {
		if l.Key == "aws_secret_access_key" || l.Key == "aws_session_token" {
			return true
		}
	}
	return false
}

// directoryAccess finds directories in which other users can replace one of the files. A sticky bit
// prevents that.
func directoryAccess(x *examination) (found []Finding) {
	for _, r := range x.config.raw {
		dir := filepath.Dir(r.Path)
		info, err := os.Stat(dir)
		if err != nil || info.Mode()&fs.ModeSticky != 0 {
			continue
		}
		mode := accessOfOthers(info)
		if mode&groupOrOthersWrite == 0 {
			continue
		}
		f := Finding{
			Severity: Warning, Where: dir,
			What: otherUsers(mode&othersWrite != 0) + " can write to the directory of the file",
			Why:  "they can replace the file, and make your tools run their commands (credential_process)",
			Fix:  run("chmod go-w " + x.sh.quote(dir)),
		}
		if mode&othersWrite != 0 {
			f.Severity = Error
		}
		found = append(found, f)
	}
	return found
}

// otherUsers describes the users that a mode admits: all of them, or the group.
func otherUsers(all bool) string {
	if all {
		return "other users"
	}
	return "users in its group"
}
