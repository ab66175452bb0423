package doctor

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"aws-credproc/profiles"
)

// quirk is something in a command that the SDKs read differently. what is empty if there is
// nothing.
type quirk struct{ what, why, fix string }

const (
	noShell = "the AWS CLI and boto3 start the command without a shell and pass this on unchanged; " +
		"other SDKs use a shell"
	useScript = "move what needs a shell into a script, and write the script's full path here"
	shortPath = `write a path without spaces, for example its short form (dir /x shows it: ` +
		`C:\PROGRA~1)`
)

// quoting returns what the SDKs read differently in a command. The AWS CLI and boto3 start it
// without a shell, all others with one. The Go SDK removes a quote at the start together with one
// at the end; on Windows it passes each quote to cmd.exe as \", which cmd.exe does not understand.
func quoting(command, goos string) quirk {
	first, last := command[0], command[len(command)-1]
	switch {
	case strings.Contains(command, "\n"):
		return quirk{"the command continues on a second line",
			"a shell runs each line as a command of its own", "write it on one line"}
	case goos != "windows" && len(command) > 1 && first == last && strings.IndexByte(`"'`, first) >= 0:
		return quirk{"the command starts and ends with a quote",
			"the Go SDK removes these two quotes as if they were a pair",
			"write the last word without quotes, or the program as a path that needs none"}
	}
	odd, open := shellSyntax(command, goos)
	name, _, assigns := strings.Cut(strings.Fields(command)[0], "=")
	switch {
	case odd.what != "":
		return odd
	case open:
		return quirk{"a quote in the command is not closed", "no tool can start it", "close it"}
	case goos == "windows" && strings.Contains(command, `"`):
		return quirk{"the command contains double quotes",
			`the Go SDK puts a \ before each, and cmd.exe then does not find the program`, shortPath}
	case assigns && profiles.IsName(name) && !strings.Contains(name, "/") && goos != "windows":
		return quirk{"the command starts with a variable assignment, which needs a shell", noShell,
			"start the command with env, as in /usr/bin/env NAME=VALUE ..."}
	}
	return quirk{}
}

// shellSyntax returns the first part of a command that only a shell understands. open reports that
// the command ends within quotes.
func shellSyntax(command, goos string) (odd quirk, open bool) {
	special, quotes, expanded := "$`|&;<>()*?", `"'`, "$`"
	if goos == "windows" {
		special, quotes, expanded = "%^&|<>()'", `"`, "%"
	}
	in := func(set string, c byte) bool { return strings.IndexByte(set, c) >= 0 }
	var quote byte
	escaped := false // by a backslash
	for i := range len(command) {
		c := command[i]
		startsWord := i == 0 || in(" \t", command[i-1])
		switch {
		case escaped:
			escaped = false
		case c == '\\' && quote != '\'' && goos != "windows":
			escaped = true
		case quote != 0 && c == quote:
			quote = 0
		case quote == '"' && in(expanded, c):
			what := fmt.Sprintf("the command contains %c, which a shell expands even in quotes", c)
			return quirk{what, noShell, "write the value in its place"}, false
		case quote != 0:
		case in(quotes, c):
			quote = c
		case c == '~' && goos != "windows" && startsWord:
			return quirk{"the command contains a ~, which only a shell expands", noShell,
				"write the full path in its place"}, false
		case in(special, c):
			what := fmt.Sprintf("the command contains %c, which only a shell understands", c)
			return quirk{what, noShell, useScript}, false
		}
	}
	return quirk{}, quote != 0
}

// spacedPath returns the path of a file that starts a command without quotes, although it contains
// spaces; "" if there is none.
func spacedPath(words []string) string {
	if isFile(words[0]) {
		return ""
	}
	const maxWords = 16
	for i := 2; i <= min(len(words), maxWords); i++ {
		if path := strings.Join(words[:i], " "); filepath.IsAbs(path) && isFile(path) {
			return path
		}
	}
	return ""
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// processQuoting finds commands that some SDK cannot start.
func processQuoting(x *examination) (found []Finding) {
	for _, p := range x.config.processes {
		odd := p.odd
		if path := spacedPath(p.words); odd.what == "" && path != "" {
			odd = quirk{"the path " + shorten(path) + " contains a space and is not in quotes",
				"the text before the space is taken as the program",
				"put the path, and nothing else, in single quotes"}
			if x.sh.goos == "windows" {
				odd.fix = shortPath
			}
		}
		severity := Error
		if odd.what == "" && x.sh.goos != "windows" && p.command[0] == '"' {
			severity, odd = Warning, quirk{"the command starts with a double quote",
				"the AWS SDK for Go v1, and so rclone and s5cmd, removes the quotes: a path with a " +
					"space is cut there, and arguments are lost",
				"put the path, and nothing else, in single quotes; a path without spaces needs none"}
		}
		if odd.what == "" {
			continue
		}
		if p.gets != "" {
			line := x.ourLine(process{Section: p.Section, gets: p.gets})
			odd.fix = write(changeLine, line)
			if x.sh.goos == "windows" && strings.Contains(line, `"`) { // the drive has no short names
				odd.fix = "move " + x.opts.Helper + " to a path without spaces, and write that path"
			}
		}
		found = append(found, x.processFinding(p, severity, odd.what, odd.why, odd.fix))
	}
	return found
}
