package doctor

import "strings"

// runLine is the prose of a fix that consists of commands.
const runLine = "run:"

// run returns a fix that consists of commands.
func run(commands ...string) string { return runLine + "\n  " + strings.Join(commands, "\n  ") }

// write returns a fix that says in prose what to do with the lines that follow.
func write(prose string, lines ...string) string {
	return prose + ":\n  " + strings.Join(lines, "\n  ")
}

// shell writes commands for the user's shell: POSIX, or PowerShell on Windows.
type shell struct{ goos string }

// quote returns word as the shell takes it literally.
func (s shell) quote(word string) string {
	const plain = "/._-+:,=@%"
	special := func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' ||
			strings.ContainsRune(plain, r))
	}
	switch {
	case s.goos == "windows" && strings.Contains(word, " "):
		return `"` + word + `"`
	case s.goos != "windows" && (word == "" || strings.ContainsFunc(word, special)):
		return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
	}
	return word
}

// unset returns a fix that removes variables from the environment.
func (s shell) unset(variables ...string) string {
	command := "unset " + strings.Join(variables, " ")
	if s.goos == "windows" {
		command = "Remove-Item Env:" + strings.Join(variables, ", Env:")
	}
	remove := "remove it where it is set"
	if len(variables) > 1 {
		remove = "remove them where they are set"
	}
	return write(remove+" (a shell's start-up file, an IDE), and run here", command)
}

// export returns the command that sets a variable in the environment.
func (s shell) export(variable, value string) string {
	if s.goos == "windows" {
		return "$env:" + variable + " = " + `"` + value + `"`
	}
	return "export " + variable + "=" + s.quote(value)
}

// remove returns the command that deletes a file.
func (s shell) remove(path string) string {
	if s.goos == "windows" {
		return "del " + s.quote(path)
	}
	return "rm " + s.quote(path)
}
