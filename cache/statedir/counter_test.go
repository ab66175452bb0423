package statedir

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"aws-credproc/internal/childtest"
)

func init() {
	// counter DIR N adds one, N times, and prints each number.
	childtest.Register("counter", func(args []string) error {
		n, err := strconv.Atoi(args[1])
		if err != nil {
			return err
		}
		for range n {
			var got int64
			if err := Count(context.Background(), args[0], "x",
				func(n int64) int64 { got = n + 1; return got }); err != nil {
				return err
			}
			fmt.Print(got, " ")
		}
		return nil
	})
}

func TestProcessesNeverCountTheSameNumber(t *testing.T) {
	const processes, each = 10, 20
	dir := filepath.Join(t.TempDir(), "state")
	seen := map[string]bool{}
	for _, out := range childtest.Run(t, processes, "counter",
		func(int) []string { return []string{dir, strconv.Itoa(each)} }) {
		for n := range strings.FieldsSeq(out) {
			if seen[n] {
				t.Errorf("%s was counted twice", n)
			}
			seen[n] = true
		}
	}
	if len(seen) != processes*each || !seen[strconv.Itoa(processes*each)] {
		t.Errorf("%d numbers", len(seen))
	}
}

func TestCounter(t *testing.T) {
	dir := t.TempDir()
	count := func(name string, want, to int64) {
		t.Helper()
		err := Count(t.Context(), dir, name, func(n int64) int64 {
			if n != want {
				t.Errorf("%s is %d, want %d", name, n, want)
			}
			return to
		})
		if err != nil {
			t.Error(err)
		}
	}
	const name = "arn:aws:iam::123456789012:mfa/../../jill"
	count(name, 0, 59_000_000)
	count(name, 59_000_000, 59_000_000)
	count("other", 0, -5)
	count("other", -5, 0)
	files, err := filepath.Glob(filepath.Join(dir, string(counters), "*"))
	if err != nil || len(files) != 2 {
		t.Fatalf("%q, %v", files, err)
	}
	// A file that is not a number counts as 0.
	for _, text := range []string{"", "x", "1 2\n", "99999999999999999999999999\n"} {
		for _, file := range files {
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		count(name, 0, 1)
	}
	if err := Count(t.Context(), "", name, nil); err == nil {
		t.Error("it counts without a state directory")
	}
}

func TestCountWaitsForALimitedTime(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	dir := t.TempDir()
	err := Count(ctx, dir, "x", func(int64) int64 { // holds the lock
		err := count(ctx, dir, "x", 50*time.Millisecond, func(n int64) int64 { return n })
		if !errors.Is(err, ErrBusy) {
			t.Errorf("got %v", err)
		}
		return 1
	})
	if err != nil {
		t.Error(err)
	}
}
