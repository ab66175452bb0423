package profiles

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// manyProfiles returns a config file with about 200 bytes per profile.
func manyProfiles(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(
			&b,
			"# team %d\n[profile team-%d]\nrole_arn = arn:aws:iam::%012d:role/Developer # the usual one\n"+
				"source_profile = base\nregion = eu-west-1\ns3 =\n  max_concurrent_requests = 20\n"+
				"  addressing_style = path\n\n",
			i, i, i,
		)
	}
	b.WriteString("[profile base]\n" + keys)
	return b.String()
}

// BenchmarkChain reads the files and resolves one profile. 5,000 profiles may take 3 ms more than
// 10.
func BenchmarkChain(b *testing.B) {
	for _, n := range []int{10, 500, 5000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			path := filepath.Join(b.TempDir(), "config")
			if err := os.WriteFile(path, []byte(manyProfiles(n)), 0o600); err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				f, err := Load(path, path+".none")
				if err != nil {
					b.Fatal(err)
				}
				if _, err := f.Chain(fmt.Sprintf("team-%d", n/2)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// A file of 10 MB takes linear time. The limit is exceeded by a hang or by quadratic time only.
func TestLargeFilesTakeLinearTime(t *testing.T) {
	const size = 10 << 20
	repeat := func(s string) string { return strings.Repeat(s, size/len(s)) }
	for name, text := range map[string]string{
		"one line":         repeat("x"),
		"newlines":         repeat("\n"),
		"sections":         repeat("[profile p]\n"),
		"many sections":    manyProfiles(40000),
		"duplicate keys":   "[profile p]\n" + repeat("a = b\n"),
		"different keys":   "[profile p]\n" + keysOf(400000),
		"continuations":    "[profile p]\na = b\n" + repeat(" c\n"),
		"sub-properties":   "[profile p]\na =\n" + repeat(" c = d\n"),
		"white space":      "[profile p]\na = " + repeat(" "),
		"comment signs":    "[profile p]\na = " + repeat(" #"),
		"brackets":         repeat("["),
		"bracket values":   "[profile p]\na = " + repeat("["),
		"indented headers": "[profile p]\na = b\n" + repeat(" [q]\n"),
		"non-ASCII bytes":  repeat("\xff"),
		"a long value":     "[profile p]\nrole_arn = " + repeat("x"),
		"a long name":      "[profile " + repeat("x") + "]\n",
	} {
		t.Run(name, func(t *testing.T) {
			done := make(chan struct{})
			go func() {
				defer close(done)
				f, err := loadText(t, text, "")
				if err == nil {
					_, err = f.Chain("p")
				}
				if err != nil && len(err.Error()) > 1000 {
					t.Errorf("the error has %d bytes", len(err.Error()))
				}
			}()
			select {
			case <-done:
			case <-time.After(30 * time.Second):
				t.Fatal("took too long")
			}
		})
	}
}

func keysOf(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "key%d = some value\n", i)
	}
	return b.String()
}

// The limit is exceeded by a hang or by quadratic time only, which takes minutes.
func TestAllProfilesTakeLinearTime(t *testing.T) {
	for name, do := range map[string]func() error{
		"list": func() error {
			_, _, err := mustLoad(t, manyProfiles(40000), "").List()
			return err
		},
		"chains with a missing source": func() error {
			text := strings.ReplaceAll(manyProfiles(40000),
				"source_profile = base", "source_profile = bases-of-others") + "no delimiter\n"
			f := mustLoad(t, text, "")
			for _, name := range f.Names() {
				if _, err := f.Chain(name); name != "base" && err == nil {
					return errors.New(name + " resolves")
				}
			}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			done := make(chan error, 1)
			go func() { done <- do() }()
			select {
			case err := <-done:
				if err != nil {
					t.Error(err)
				}
			case <-time.After(30 * time.Second):
				t.Fatal("took too long")
			}
		})
	}
}
