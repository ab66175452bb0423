package profiles

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"aws-credproc/internal/diag"
)

func TestCommitIsAllOrNothing(t *testing.T) {
	dir := t.TempDir()
	config, credentials := filepath.Join(dir, "config"), filepath.Join(dir, "credentials")
	writeText(t, config, "[profile p]\na = 1\n")
	writeText(t, credentials, "[q]\n")
	files, err := Load(config, credentials)
	if err != nil {
		t.Fatal(err)
	}
	e := files.Edit()
	if err := errors.Join(setP("ours")(e), e.AddProfile(CredentialsFile, "ours")); err != nil {
		t.Fatal(err)
	}
	var ready []*replacement
	for _, c := range e.Changes() {
		r, err := prepare(c)
		if err != nil {
			t.Fatal(err)
		}
		ready = append(ready, r)
	}
	// A rename to a directory that is not empty fails.
	err = errors.Join(os.Remove(credentials), os.MkdirAll(filepath.Join(credentials, "x"), 0o700))
	if err != nil {
		t.Fatal(err)
	}
	err = commit(ready)
	if err == nil || !strings.HasPrefix(err.Error(), credentials+": cannot be written: ") ||
		strings.Count(diag.Text(err), dir) != 1 {
		t.Errorf("error %v", err)
	}
	if got := readText(t, config); got != "[profile p]\na = 1\n" {
		t.Errorf("config is %q", got)
	}
}

func TestLeftovers(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "config")
	now := time.Now()
	old := now.Add(-2 * leftoverAge)
	var want []string
	for name, isLeft := range map[string]bool{
		".config.123.tmp": true, ".config.aws-credproc.bak.4.tmp": true, ".config.x.tmp": false,
		".credentials.1.tmp": false, "config.1.tmp": false, ".config.5.tmp": false,
	} {
		writeText(t, filepath.Join(dir, name), "")
		if name == ".config.5.tmp" {
			continue // is being written
		}
		if err := os.Chtimes(filepath.Join(dir, name), old, old); err != nil {
			t.Fatal(err)
		}
		if isLeft {
			want = append(want, filepath.Join(dir, name))
		}
	}
	got := Leftovers(path, now)
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if got := Leftovers(filepath.Join(dir, "none", "config"), now); len(got) > 0 {
		t.Errorf("missing directory: %q", got)
	}
}
