package doctor

import (
	"errors"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

const changeLine = "change the line to"

// isRelative reports whether a program's path depends on the working directory.
func isRelative(program string) bool {
	return filepath.Base(program) != program && !filepath.IsAbs(program)
}

// isUnclear reports whether another check reports the command, so that its program is not known.
func (p process) isUnclear() bool {
	return isRelative(p.words[0]) || p.odd.what != "" || spacedPath(p.words) != ""
}

// fixProgram returns the corrected line of a command that runs aws-credproc, else the other fix.
func (x *examination) fixProgram(p process, other string) string {
	if p.gets == "" {
		return other
	}
	return write(changeLine, x.ourLine(p))
}

// processRelative finds programs that are looked up in the working directory of each tool.
func processRelative(x *examination) (found []Finding) {
	for _, p := range x.config.processes {
		if isRelative(p.words[0]) && p.odd.what == "" {
			found = append(found, x.processFinding(p, Error,
				"the program "+shorten(p.words[0])+" is a relative path",
				"tools find it from one working directory only",
				x.fixProgram(p, "write the program's full path")))
		}
	}
	return found
}

// processNotFound finds programs that do not exist or cannot be run.
func processNotFound(x *examination) (found []Finding) {
	for _, p := range x.config.processes {
		_, err := exec.LookPath(p.words[0])
		if p.isUnclear() || err == nil || errors.Is(err, exec.ErrDot) {
			continue
		}
		program := shorten(p.words[0])
		what := "the program " + program + " is not in the PATH"
		if filepath.IsAbs(p.words[0]) {
			what = "the program " + program + " does not exist"
			if isFile(p.words[0]) {
				what = "the program " + program + " is not executable"
			}
		}
		found = append(found, x.processFinding(p, Error, what, "no tool gets credentials from it",
			x.fixProgram(p, "install it, or correct its path")))
	}
	return found
}

// processPath finds programs that are in the PATH of this process, but not in the shorter one of
// programs that no shell has started.
func processPath(x *examination) (found []Finding) {
	dirs := desktopPath()
	for _, p := range x.config.processes {
		path, err := exec.LookPath(p.words[0])
		isFound := err == nil || errors.Is(err, exec.ErrDot)
		if !isFound || p.isUnclear() || filepath.IsAbs(p.words[0]) || isIn(dirs, p.words[0]) {
			continue
		}
		if abs, err := filepath.Abs(path); err == nil {
			path = abs
		}
		found = append(found, x.processFinding(p, Warning,
			shorten(p.words[0])+" is found only through the PATH of this shell, as "+path,
			"programs started by the desktop or the system do not find it: their PATH is "+
				strings.Join(dirs, string(filepath.ListSeparator)),
			x.fixProgram(p, write("replace "+shorten(p.words[0])+" by its full path", path))))
	}
	return found
}

func isIn(dirs []string, program string) bool {
	return slices.ContainsFunc(dirs, func(dir string) bool {
		_, err := exec.LookPath(filepath.Join(dir, program))
		return err == nil
	})
}
