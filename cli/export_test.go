package cli

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"aws-credproc/cache"
)

// awkward are texts that are special in some shell.
var awkward = []string{
	"", " ", "plain", "a b", "'", "''", "it's", `"`, `\`, `\\`, `\'`, `'\''`, `\n`, "a\nb", "\n", "a\n", "\r\n",
	"\t", "$HOME", "${x}", "$(id)", "`id`", "!!", "a!b", "%s", "%d%n", "*", "?[a-z]", "~", "-n", "-e", "#", "a #b",
	";", "&", "|", "<>", "(", ")", "{a,b}", "=", "a=b", "^", "\x01", "\x1b[2J", "\x7f",
	"é", "日本", "\u2018", "\u2019x", "\u201a\u201b", "\u202e", "\xff",
	"a\xc3", "\xf0\x9f", "\ufeff", "\U0001f511", "\ue000", "\uf8ff", "@", "$",
	"$'x'", `$'\x41'`, "echo", "end", "\\u0041",
}

// shellReader is a shell that prints the values that it reads.
type shellReader struct {
	name   string
	stdin  io.Writer
	stdout *bufio.Reader
	limit  func(time.Time) error
}

func startShell(tb testing.TB, name string) *shellReader {
	tb.Helper()
	cmd := exec.Command(name) // ends when stdin is closed
	cmd.Env = []string{"PATH=/usr/bin:/bin", "LC_ALL=C.UTF-8"}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		tb.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		stdin.Close()
		if err := cmd.Wait(); err != nil {
			tb.Errorf("%s: %v", name, err)
		}
	})
	return &shellReader{name, stdin, bufio.NewReader(stdout), stdout.(*os.File).SetReadDeadline}
}

// reads returns the value of a variable that the shell sets to quoted.
func (s *shellReader) reads(tb testing.TB, quoted string) string {
	tb.Helper()
	_, err := fmt.Fprintf(s.stdin, "export X=%s\nprintf '%%s\\0' \"$X\"\n", quoted)
	if err != nil {
		tb.Fatal(err)
	}
	if err := s.limit(time.Now().Add(30 * time.Second)); err != nil {
		tb.Fatal(err)
	}
	value, err := s.stdout.ReadString(0)
	if err != nil {
		tb.Fatal(err)
	}
	return strings.TrimSuffix(value, "\x00")
}

// startPosixShells starts the POSIX shells of this machine.
func startPosixShells(tb testing.TB) (shells []*shellReader) {
	for _, name := range []string{"sh", "bash", "dash", "zsh"} {
		if _, err := exec.LookPath(name); err == nil {
			shells = append(shells, startShell(tb, name))
		}
	}
	if len(shells) == 0 {
		tb.Skip("SKIPPED: no POSIX shell")
	}
	return shells
}

// FuzzPosixQuoting checks that the shells read the same bytes.
func FuzzPosixQuoting(f *testing.F) {
	shells := startPosixShells(f)
	for _, text := range randomTexts(200) {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, "\x00") {
			return // a variable cannot have NUL, nor can a config file
		}
		for _, s := range shells {
			if got := s.reads(t, posixQuote(text)); got != text {
				t.Errorf("%s reads %q as %q", s.name, text, got)
			}
		}
	})
}

// randomTexts returns awkward texts, and combinations of them with random bytes except NUL.
func randomTexts(n int) []string {
	texts := append([]string{}, awkward...)
	r := rand.New(rand.NewPCG(1, 2))
	for range n {
		var b strings.Builder
		for range r.IntN(12) {
			if r.IntN(3) == 0 {
				b.WriteByte(byte(1 + r.IntN(255)))
			} else {
				b.WriteString(awkward[r.IntN(len(awkward))])
			}
		}
		texts = append(texts, b.String())
	}
	return texts
}

// TestFishQuoting uses one script for all texts, because fish reads its input to the end first.
func TestFishQuoting(t *testing.T) {
	if _, err := exec.LookPath("fish"); err != nil {
		t.Skip("SKIPPED: no fish (scripts/setup.sh installs it; TestE2EExport needs it)")
	}
	var script bytes.Buffer
	texts := randomTexts(1000)
	for _, text := range texts {
		fmt.Fprintf(&script, "set -gx X %s\nprintf '%%s\\0' $X\n", fishQuote(text))
	}
	cmd := exec.CommandContext(t.Context(), "fish", "--no-config")
	cmd.Env = []string{"PATH=/usr/bin:/bin", "LC_ALL=C.UTF-8", "HOME=" + t.TempDir()}
	cmd.Stdin = &script
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	read := strings.Split(string(out), "\x00")
	for i, text := range texts {
		if i >= len(read) || read[i] != text {
			t.Fatalf("fish reads %q as %q", text, read[min(i, len(read)-1)])
		}
	}
}

// TestPowerShellQuoting checks the rules of PowerShell without PowerShell: within single quotes
// only quotes are special, and there are five of them.
func TestPowerShellQuoting(t *testing.T) {
	for text, want := range map[string]string{
		"":                           "''",
		"plain":                      "'plain'",
		"it's":                       "'it''s'",
		"''":                         "''''''",
		"\u2018a\u2019\u201ab\u201b": "'\u2018\u2018a\u2019\u2019\u201a\u201ab\u201b\u201b'",
		"\u201cdouble\u201d \"":      "'\u201cdouble\u201d \"'",
		"$(x) `n $env:X":             "'$(x) `n $env:X'",
		"a\r\nb":                     "'a\r\nb'",
	} {
		if got := powershellQuote(text); got != want {
			t.Errorf("%q is quoted as %s, want %s", text, got, want)
		}
	}
	// Read back by the same rules.
	for _, text := range randomTexts(1000) {
		if !utf8.ValidString(text) {
			continue // not a string of PowerShell
		}
		quoted := []rune(powershellQuote(text))
		var read []rune
		isQuote := func(r rune) bool { return strings.ContainsRune("'\u2018\u2019\u201a\u201b", r) }
		for i := 1; i < len(quoted)-1; i++ {
			if isQuote(quoted[i]) {
				if i++; i == len(quoted)-1 || !isQuote(quoted[i]) {
					t.Fatalf("%q ends early: %s", text, string(quoted))
				}
			}
			read = append(read, quoted[i])
		}
		if string(read) != text {
			t.Errorf("%q is read back as %q", text, string(read))
		}
	}
}

// TestDotenvQuoting: sh, which expands more than other readers, and docker, which expands nothing,
// read the same value. Other values are rejected.
func TestDotenvQuoting(t *testing.T) {
	for text, want := range map[string]string{
		"":                               "",
		"ASIAIOSFODNN7EXAMPLE":           "ASIAIOSFODNN7EXAMPLE",
		"wJalrXUtnFEMI/K7MDENG+bPxRfi==": "wJalrXUtnFEMI/K7MDENG+bPxRfi==",
		"2030-01-01T00:00:00Z":           "2030-01-01T00:00:00Z",
		"a b":                            "'a b'",
		"$x #y ~":                        "'$x #y ~'",
		"日本":                             "'日本'",
		"it's":                           "error",
		`a\b`:                            "error",
		`"`:                              "error",
		"`":                              "error",
		"a\nb":                           "error",
		"\x7f":                           "error",
	} {
		got, err := dotenvQuote(text)
		if err != nil {
			got = "error"
		}
		if got != want {
			t.Errorf("%q is written %s, want %s", text, got, want)
		}
	}
	for _, s := range startPosixShells(t) {
		for _, text := range randomTexts(1000) {
			if quoted, err := dotenvQuote(text); err == nil && s.reads(t, quoted) != text {
				t.Errorf("%s does not read %s as %q", s.name, quoted, text)
			}
		}
	}
}

// TestExportUnsetsOtherCredentials: each of credentialSources is either set or unset.
func TestExportUnsetsOtherCredentials(t *testing.T) {
	for _, s := range []cache.Session{{AccessKeyID: "AKIA", SecretAccessKey: "x"}, testSession} {
		for _, f := range exportFormats[:3] {
			out, err := f.write(s, "")
			if err != nil {
				t.Fatal(err)
			}
			unset, set, _ := strings.Cut(string(out), "\n")
			for _, name := range credentialSources {
				word := func(in string) bool {
					separators := strings.NewReplacer(",", " ", ";", " ", ":", " ", "=", " ")
					return strings.Contains(separators.Replace(in)+" ", " "+name+" ")
				}
				if word(unset) == word(strings.ReplaceAll(set, "\n", " ")) {
					t.Errorf("%s: %s is neither set nor unset, or both", f.name, name)
				}
			}
		}
	}
}

var testSession = cache.Session{
	AccessKeyID: "ASIATEST", SecretAccessKey: "hush", SessionToken: "token", AccountID: testAccount,
	Issued:     time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC),
	Expiration: time.Date(2030, 1, 1, 1, 0, 0, 0, time.UTC),
}
