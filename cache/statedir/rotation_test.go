package statedir

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"aws-credproc/internal/versioned"
)

func TestRotationsAreRecorded(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	const config = "/home/jill/.aws/config"
	if _, err := ReadRotation(dir, config, "base"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no record: %v", err)
	}
	if err := RemoveRotation(dir, config, "base"); err != nil {
		t.Error(err)
	}
	want := Rotation{
		Profile: "base", Config: config, User: "arn:aws:iam::123456789012:user/jill", Old: "AKIAOLD",
		Before: []string{"AKIAOLD"}, Started: time.Unix(1700000000, 5).UTC(),
	}
	for _, id := range []string{"", "AKIANEW"} {
		want.New, want.Boot, want.KeepOld = id, "boot"+id, id != ""
		if id != "" {
			want.Ended, want.Retired = want.Started.Add(time.Minute), true
		}
		if err := WriteRotation(dir, want); err != nil {
			t.Fatal(err)
		}
		if got, err := ReadRotation(dir, config, "base"); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, %v; want %+v", got, err, want)
		}
	}
	path := filepath.Join(dir, string(rotations), importedName(config, "base"))
	if fi, err := os.Stat(path); err != nil ||
		runtime.GOOS != "windows" && fi.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", fi.Mode(), err)
	}
	valid, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]error{
		"": versioned.ErrCorrupt, "{}": versioned.ErrCorrupt, `{"v":2}`: versioned.ErrNewer,
		strings.Replace(string(valid), "AKIANEW", `AKIA\u001b[31m`, 1):             versioned.ErrCorrupt,
		strings.Replace(string(valid), `"old":"AKIAOLD"`, `"old":""`, 1):           versioned.ErrCorrupt,
		strings.Replace(string(valid), `"profile":"base"`, `"profile":"other"`, 1): versioned.ErrCorrupt,
		strings.Replace(string(valid), `2023-11-14T22:13:20.000000005Z`, "now", 1): versioned.ErrCorrupt,
		string(valid[:len(valid)/2]):                                               versioned.ErrCorrupt,
		string(valid) + strings.Repeat(" ", maxRotation):                           versioned.ErrCorrupt,
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadRotation(dir, config, "base"); !errors.Is(err, want) {
			t.Errorf("%.60s: %v, want %v", text, err, want)
		}
	}
	if err := RemoveRotation(dir, config, "base"); err != nil {
		t.Error(err)
	}
	if _, err := ReadRotation(dir, config, "base"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("after RemoveRotation: %v", err)
	}
	for name, change := range map[string]func(*Rotation){
		"no old key":    func(r *Rotation) { r.Old = "" },
		"a secret":      func(r *Rotation) { r.New = strings.Repeat("x", 40) },
		"no time":       func(r *Rotation) { r.Started = time.Time{} },
		"too many keys": func(r *Rotation) { r.Before = make([]string, maxRotationKeys+1) },
		"a long path":   func(r *Rotation) { r.Config = strings.Repeat("x", maxRotation) },
	} {
		r := want
		change(&r)
		if err := WriteRotation(dir, r); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}
