package doctor

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"

	"aws-credproc/profiles"
)

// OtherProgram returns the program that the credential_process of a profile starts, if that has the
// name of this program and is another one: neither the file executable nor a build of this module.
// It returns "" if it is not.
func OtherProgram(p profiles.Section, executable string) (path string) {
	n := namesakes{executable: executable, builds: map[string]bool{}}
	return n.other(p)
}

// namesakes tells programs of the name of this one apart.
type namesakes struct {
	executable string
	builds     map[string]bool // whether each file is a build of this module
}

// other does what [OtherProgram] does.
func (n namesakes) other(p profiles.Section) (path string) {
	words, ours := profiles.ProcessWords(p)
	if !ours {
		return ""
	}
	path, err := exec.LookPath(words[0])
	if err != nil || !isFile(path) {
		return ""
	}
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	isBuild, known := n.builds[path]
	if !known {
		isBuild = profiles.SameFile(path, n.executable) || containsBuildInfo(path)
		n.builds[path] = isBuild
	}
	if isBuild {
		return ""
	}
	return path
}

// containsBuildInfo reports whether a file contains the text by which the go command records the
// main package of a program, with that of this one. Package debug/buildinfo is not used, since two
// packages that it imports are initialized before get prints a cached session.
func containsBuildInfo(path string) bool {
	const maxSize = 256 << 20
	want := []byte("path\taws-credproc\n")
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	r := io.LimitReader(f, maxSize)
	buf := make([]byte, 1<<20)
	kept := 0 // bytes of the last read at the start of buf, which may have a part of want
	for {
		n, err := io.ReadFull(r, buf[kept:])
		text := buf[:kept+n]
		if bytes.Contains(text, want) {
			return true
		}
		if err != nil {
			return false
		}
		kept = copy(buf, text[len(text)-len(want):])
	}
}

// processProgram finds programs that have the name of this one and are others.
func processProgram(x *examination) (found []Finding) {
	names := namesakes{executable: x.opts.Executable, builds: map[string]bool{}}
	for _, p := range x.config.processes {
		if p.isUnclear() {
			continue
		}
		path := names.other(p.Section)
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
