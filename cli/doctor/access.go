package doctor

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"

	"aws-credproc/internal/owner"
)

const (
	groupOrOthersRead  fs.FileMode = 0o044
	groupOrOthersWrite fs.FileMode = 0o022
	othersRead         fs.FileMode = 0o004
	othersWrite        fs.FileMode = 0o002
)

// What other users can do.
const (
	theirCommands = "make your tools run their commands (credential_process)"
	changeProgram = "change what your tools run for credentials"
)

// fileAccess finds files that other users of the machine own, or can read or write.
func fileAccess(x *examination) (found []Finding) {
	for _, r := range x.config.raw {
		info, err := os.Stat(r.Path)
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		if name, ok := owner.Foreign(info); ok {
			found = append(found, x.foreign(r.Path, "file", name, "change it and "+theirCommands))
		}
		mode, hasKeys := accessOfOthers(info), r.hasKeys()
		f := Finding{Severity: Warning, Where: r.Path, Fix: run("chmod 600 " + x.sh.quote(r.Path))}
		switch {
		case mode&groupOrOthersWrite != 0:
			f.What = otherUsers(mode&othersWrite != 0) + " can write to the file"
			f.Why = "they can " + theirCommands + " or use their keys"
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

// foreign reports a file or directory of another user, who can do what consequence says.
func (x *examination) foreign(path, kind, user, consequence string) Finding {
	severity, fix := Error, run(`sudo chown "$(id -u)" `+x.sh.quote(path))
	switch {
	case consequence == changeProgram: // which others may use too
		fix = "install the program in a directory that only you or root can change"
	case os.Geteuid() == 0 && owner.IsUnknown(user):
		severity, fix = Warning, "ignore this if it is a container with your files in it; else "+
			run("chown root "+x.sh.quote(path))
	case os.Geteuid() == 0:
		fix = "run the command as " + user + ", without sudo; or set HOME, AWS_CONFIG_FILE and " +
			"AWS_SHARED_CREDENTIALS_FILE to those of root, or unset them"
	}
	return Finding{
		Severity: severity, Where: path,
		What: fmt.Sprintf("the %s belongs to another user, %s", kind, user),
		Why:  "that user can " + consequence,
		Fix:  fix,
	}
}

// chmod returns how to let only its owner write to a file or directory of this user or root.
func (x *examination) chmod(path string, info fs.FileInfo) string {
	command := "chmod go-w " + x.sh.quote(path)
	if owner.IsOfRoot(info) && os.Geteuid() != 0 {
		command = "sudo " + command
	}
	return run(command)
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

// directoryAccess finds directories in which other users can replace one of the files.
func directoryAccess(x *examination) (found []Finding) {
	for _, r := range x.config.raw {
		if !r.found {
			continue
		}
		for _, dir := range parentsOf(r.Path) {
			f, ok := x.replaceable(dir, "replace the file, and "+theirCommands)
			if ok && (dir == filepath.Dir(r.Path) || !f.ofTrustedGroup) {
				found = append(found, f.Finding)
			}
		}
	}
	return found
}

// parentsOf returns the directories above a path and above the file that it leads to.
func parentsOf(path string) []string {
	dirs := owner.WithParents(filepath.Dir(path))
	if target, err := filepath.EvalSymlinks(path); err == nil {
		for _, dir := range owner.WithParents(filepath.Dir(target)) {
			if !slices.Contains(dirs, dir) {
				dirs = append(dirs, dir)
			}
		}
	}
	return dirs
}

// replaceableDir reports a directory in which other users can replace files.
type replaceableDir struct {
	Finding
	ofTrustedGroup bool // only a group can, and see isTrustedGroup
}

// replaceable reports a directory in which other users can replace files. A sticky bit prevents
// that, except for the directory's owner.
func (x *examination) replaceable(dir, consequence string) (f replaceableDir, ok bool) {
	info, err := os.Stat(dir)
	if err != nil {
		return f, false
	}
	if name, ok := owner.Foreign(info); ok {
		f.Finding = x.foreign(dir, "directory", name, consequence)
		return f, true
	}
	mode := accessOfOthers(info)
	if mode&groupOrOthersWrite == 0 || info.Mode()&fs.ModeSticky != 0 {
		return f, false
	}
	f.Finding = Finding{
		Severity: Warning, Where: dir,
		What: otherUsers(mode&othersWrite != 0) + " can write to the directory of the file",
		Why:  "they can " + consequence,
		Fix:  x.chmod(dir, info),
	}
	if mode&othersWrite != 0 {
		f.Severity = Error
	} else {
		f.ofTrustedGroup = isTrustedGroup(info)
	}
	return f, true
}

// processAccess finds programs of a credential_process that other users can change or replace.
func processAccess(x *examination) (found []Finding) {
	var known []string // directoryAccess reports them
	for _, r := range x.config.raw {
		known = append(known, parentsOf(r.Path)...)
	}
	for _, p := range slices.Concat(x.config.processes, x.config.mixed) {
		if p.isUnclear() {
			continue
		}
		path, err := exec.LookPath(p.words[0])
		if err != nil || !isFile(path) {
			continue
		}
		if path, err = filepath.Abs(path); err != nil {
			continue
		}
		add := func(f Finding) {
			f.What = "the program " + shorten(p.words[0]) + ": " + f.What
			f.Profile = p.Name
			found = append(found, f)
		}
		if f, ok := x.changeable(path); ok {
			add(f)
		}
		for _, dir := range parentsOf(path) {
			f, ok := x.replaceable(dir, changeProgram)
			if ok && !f.ofTrustedGroup && !slices.Contains(known, dir) {
				add(f.Finding)
			}
		}
	}
	return found
}

// changeable reports a program that other users own or can write.
func (x *examination) changeable(path string) (f Finding, ok bool) {
	info, err := os.Stat(path)
	if err != nil {
		return f, false
	}
	if name, ok := owner.Foreign(info); ok {
		return x.foreign(path, "file", name, changeProgram), true
	}
	mode := accessOfOthers(info)
	if mode&othersWrite == 0 && (mode&groupOrOthersWrite == 0 || isTrustedGroup(info)) {
		return f, false
	}
	f = Finding{
		Severity: Warning, Where: path,
		What: otherUsers(mode&othersWrite != 0) + " can write to the file",
		Why:  "they can " + changeProgram,
		Fix:  x.chmod(path, info),
	}
	if mode&othersWrite != 0 {
		f.Severity = Error
	}
	return f, true
}

// otherUsers describes the users that a mode admits: all of them, or the group.
func otherUsers(all bool) string {
	if all {
		return "other users"
	}
	return "users in its group"
}
