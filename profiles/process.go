package profiles

import (
	"fmt"
	"runtime"
	"strings"
	"unicode/utf8"

	"aws-credproc/internal/diag"
)

// ProcessCommand returns the credential_process command that starts the helper at an absolute path
// for a profile: `/path/helper get NAME` or `'/path with space/helper' get NAME`. All SDKs read
// these forms. (The Go SDK v2 breaks a command that both starts and ends with a quote, v1 one that
// starts with a double quote.) Windows has double quotes only. It returns an error for a path that
// cannot be written in this way. goos is the system whose rules apply.
func ProcessCommand(helper, profile, goos string) (string, error) {
	word, err := commandWord(helper, goos)
	if err != nil {
		return "", err
	}
	if goos == "windows" && strings.Contains(profile, "%") {
		return "", &diag.Error{
			Profile: profile,
			Problem: "the name has a %, which cmd.exe expands",
			Hint:    "rename the profile",
		}
	}
	return word + " get " + profileWord(profile, goos), nil
}

// profileWord returns a profile's name as the last word of a command. On Unix, it has backslashes
// in place of quotes: see [ProcessCommand] about a quote at the end.
func profileWord(profile, goos string) string {
	if IsName(profile) {
		return profile
	}
	if goos == "windows" {
		return `"` + profile + `"`
	}
	var b strings.Builder
	for _, r := range profile {
		if r < utf8.RuneSelf && !IsName(string(r)) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// CommandWith returns a credential_process command with its program replaced by the one at an
// absolute path. See [ProcessCommand].
func CommandWith(command, program, goos string) (string, error) {
	word, err := commandWord(program, goos)
	if err != nil {
		return "", err
	}
	if _, rest, ok := firstCommandWord(trimCommand(command), goos); ok {
		return word + rest, nil
	}
	return "", &diag.Error{
		Problem: "the program in credential_process does not exist",
		Hint:    "replace it with " + word,
	}
}

// commandWord returns a program's path as the first word of a command, quoted if need be.
func commandWord(program, goos string) (string, error) {
	if bad := badInCommand(program, goos); bad != "" {
		return "", &diag.Error{
			Problem: fmt.Sprintf("path %q has %s that not all SDKs accept in credential_process",
				program, bad),
			Hint: "install aws-credproc in a directory on the PATH whose name has only letters and digits",
		}
	}
	plain := "/._-+:,="
	if goos == "windows" {
		plain += `\~`
	}
	needsQuotes := func(c rune) bool { return !isAlphanumeric(c) && !strings.ContainsRune(plain, c) }
	if strings.ContainsFunc(program, needsQuotes) {
		if goos == "windows" {
			return `"` + program + `"`, nil
		}
		return "'" + program + "'", nil
	}
	return program, nil
}

// badInCommand describes a character in a program's path that some SDKs do not read correctly
// within quotes. It returns "" if there is none.
func badInCommand(program, goos string) string {
	// On Unix, sh and the AWS CLI (shlex) treat these specially; on Windows, cmd.exe and the AWS CLI.
	forbidden := "\"'\\$`~"
	if goos == "windows" {
		forbidden = "\"'%&|<>^()@!`"
	}
	bad := ""
	for i, c := range program {
		switch {
		case c < ' ' || c == 0x7f:
			bad = "a control character"
		case strings.ContainsRune(forbidden, c):
			bad = string(c)
		case (c == '#' || c == ';') && i > 0 && isSpace(program[i-1]):
			bad = "' " + string(c) + "', which starts a comment,"
		}
	}
	return bad
}

// ProcessWords returns the words of a profile's credential_process, as far as all SDKs agree on
// them, and whether the first word starts this program. See [Wired] for what the command does.
func ProcessWords(p Section) (words []string, isHelper bool) {
	words = splitCommand(p.Get("credential_process"))
	return words, len(words) > 0 && isThisHelper(words[0])
}

// CommandWords returns the words of a command that is an argument of another, as in `sh -c`.
func CommandWords(command string) []string { return splitCommand(command) }

// splitCommand splits a command into words at white space outside of quotes. The SDKs' rules differ;
// this is what they share. It serves to recognize a command, not to run one.
func splitCommand(command string) []string { return splitCommandOf(command, runtime.GOOS) }

// splitCommandOf is splitCommand by the rules of the system goos.
func splitCommandOf(command, goos string) (words []string) {
	for {
		word, rest, ok := firstCommandWord(trimCommand(command), goos)
		if !ok {
			return words
		}
		words = append(words, word)
		command = rest
	}
}

// trimCommand removes the white space before the first word of a command.
func trimCommand(command string) string {
	return strings.TrimLeftFunc(command, func(r rune) bool {
		return r == '\n' || r < utf8.RuneSelf && isSpace(byte(r))
	})
}

// firstCommandWord returns the first word of a command and what follows it. ok is false if there is
// no word. On Unix, a backslash outside of quotes and before a double quote or a backslash in double
// quotes takes the next character literally; on Windows only double quotes count.
func firstCommandWord(command, goos string) (word, rest string, ok bool) {
	isUnix := goos != "windows"
	var b strings.Builder
	var quote byte // the open quote, or 0
	for i := 0; i < len(command); i++ {
		c := command[i]
		switch {
		case isUnix && isEscape(command[i:], quote):
			i++
			b.WriteByte(command[i])
		case c == quote:
			quote = 0
		case quote == 0 && (c == '"' || isUnix && c == '\''):
			quote = c
		case quote == 0 && (isSpace(c) || c == '\n'):
			return b.String(), command[i:], true
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), "", command != ""
}

// isEscape reports whether text starts with a backslash that takes the next character literally.
func isEscape(text string, quote byte) bool {
	if len(text) < 2 || text[0] != '\\' {
		return false
	}
	return quote == 0 || quote == '"' && (text[1] == '"' || text[1] == '\\')
}
