package doctor

import (
	"debug/buildinfo"
	"os/exec"
	"path/filepath"

	"aws-credproc/profiles"
)

// OtherProgram returns the program that the credential_process of a profile starts, if that has the
// name of this program and is another one: neither the file executable nor a build of this module.
// It returns "" if it is not.
func OtherProgram(p profiles.Section, executable string) (path string) {
	words, ours := profiles.ProcessWords(p)
	if !ours {
		return ""
	}
	path, err := exec.LookPath(words[0])
	if err != nil || !isFile(path) || profiles.SameFile(path, executable) {
		return ""
	}
	const thisPackage = "aws-credproc"
	if info, err := buildinfo.ReadFile(path); err == nil && info.Path == thisPackage {
		return ""
	}
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	return path
}

// processProgram finds programs that have the name of this one and are others.
func processProgram(x *examination) (found []Finding) {
	for _, p := range x.config.processes {
		if p.isUnclear() {
			continue
		}
		path := OtherProgram(p.Section, x.opts.Executable)
		if path == "" {
			continue
		}
		found = append(found, x.processFinding(p, Warning,
			"the program "+shorten(path)+" is named aws-credproc, but is not a build of this program",
			"list, setup, status and explain treat the profile as set up to use aws-credproc; it may be "+
				"a script that starts it, but what it does is not known",
			"check the file, or name this program: "+x.opts.Executable))
	}
	return found
}
