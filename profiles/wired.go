package profiles

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// Wired reports whether a profile is wired to this helper, that is, whether it takes its credentials from
// `aws-credproc get NAME`, and gives that name. Such a profile stands for the one named, everywhere.
func Wired(p Section) (name string, ok bool) {
	if p.Get("role_arn") != "" || leafType(p, p.Get("aws_access_key_id") != "") != Process {
		return "", false
	}
	return wiredTo(p)
}

// imported reports whether a profile is wired to itself and its long-term keys are in the keyring, and gives their access
// key ID.
func (f *Files) imported(p Section) (accessKeyID string, ok bool) {
	if name, wired := Wired(p); !wired || name != p.Name || f.Imported == nil {
		return "", false
	}
	return f.Imported(p.Name)
}

// wiredTo gives the profile that a profile's credential_process, if it is this helper, is to get.
func wiredTo(p Section) (name string, ok bool) {
	words := splitCommand(p.Get("credential_process"))
	if len(words) < 3 {
		return "", false
	}
	var arguments []string
	flagsOver := false
	for i := 1; i < len(words); i++ {
		switch {
		case flagsOver:
			arguments = append(arguments, words[i])
		case words[i] == "--":
			flagsOver = true
		case slices.Contains(FlagsWithValue, words[i]):
			i++ // the next word is its value
		case !strings.HasPrefix(words[i], "-"):
			arguments = append(arguments, words[i])
		}
	}
	if len(arguments) != 2 || arguments[0] != "get" || !isThisHelper(words[0]) {
		return "", false
	}
	return arguments[1], true
}

// FlagsWithValue are the flags of this helper that take the next word as their value.
var FlagsWithValue = []string{"--store", "--prompt", "--timeout"}

// isThisHelper reports whether a command's first word starts this program: by its name, or by leading to the same file,
// as a path or on the PATH.
func isThisHelper(program string) bool {
	base := filepath.Base(strings.ReplaceAll(program, `\`, "/"))
	if strings.TrimSuffix(strings.ToLower(base), ".exe") == "aws-credproc" {
		return true
	}
	program, err := exec.LookPath(program)
	if err != nil {
		return false
	}
	self, err := os.Executable()
	if err != nil {
		return false // a renamed copy is then not known as this helper; the chain still works, through a process
	}
	ours, err1 := os.Stat(self)
	theirs, err2 := os.Stat(program)
	return err1 == nil && err2 == nil && os.SameFile(ours, theirs)
}

// splitCommand cuts a credential_process command into words at white space outside quotes, which on Windows are double
// ones only. This is as much of the SDKs' differing rules as all of them share; it serves to know our own command, not to
// run one.
func splitCommand(command string) []string {
	quotes := `"'`
	if runtime.GOOS == "windows" {
		quotes = `"`
	}
	var words []string
	var word strings.Builder
	var quote byte // that is open; 0 for none
	inWord := false
	for i := range len(command) {
		c := command[i]
		switch {
		case c == quote:
			quote = 0
		case quote == 0 && strings.IndexByte(quotes, c) >= 0:
			quote, inWord = c, true
		case (isSpace(c) || c == '\n') && quote == 0:
			if inWord {
				words = append(words, word.String())
				word.Reset()
			}
			inWord = false
		default:
			word.WriteByte(c)
			inWord = true
		}
	}
	if inWord {
		words = append(words, word.String())
	}
	return words
}
