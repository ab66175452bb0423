package statedir

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"aws-credproc/internal/versioned"
)

func TestImportedKeysAreRecorded(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	const config = "/home/jill/.aws/config"
	read := func(wantID string, want error) {
		t.Helper()
		if i, err := ReadImported(dir, config, "base"); i.AccessKeyID != wantID ||
			!errors.Is(err, want) {
			t.Errorf("got %+v, %v; want %s, %v", i, err, wantID, want)
		}
	}
	read("", fs.ErrNotExist)
	if err := RemoveImported(dir, config, "base"); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("reading created the state directory")
	}
	if err := PrepareImported(dir); err != nil {
		t.Error(err)
	}
	for _, id := range []string{"AKIAX", "AKIAY"} {
		for _, i := range []Imported{{"base", config, id, ""}, {"base", config + "2", "AKIAOTHER", ""},
			{"base2", config, "AKIAOTHER", ""}} {
			if err := WriteImported(dir, i); err != nil {
				t.Fatal(err)
			}
		}
		read(id, nil)
	}
	for _, id := range []string{"", "two words", strings.Repeat("A", 33)} {
		if err := WriteImported(dir, Imported{"base", config, id, ""}); err == nil {
			t.Errorf("%q was accepted", id)
		}
	}
	path := filepath.Join(dir, string(imported), importedName(config, "base"))
	if fi, err := os.Stat(path); err != nil ||
		runtime.GOOS != "windows" && fi.Mode().Perm()&0o077 != 0 {
		t.Errorf("%v, %v", fi.Mode(), err)
	}
	const start = `{"v":1,"config":"` + config + `","profile":`
	for text, want := range map[string]error{
		"": versioned.ErrCorrupt, "{}": versioned.ErrCorrupt, `{"v":2}`: versioned.ErrNewer,
		start + `"base2","access_key_id":"AKIAX"}`:       versioned.ErrCorrupt,
		start + `"base","access_key_id":"AK\u001b[31m"}`: versioned.ErrCorrupt,
		`{"v":1,"profile":"base","config":"` + config + `"}` + strings.Repeat(" ",
			maxImported): versioned.ErrCorrupt,
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		read("", want)
	}
	if err := RemoveImported(dir, config, "base"); err != nil {
		t.Error(err)
	}
	read("", fs.ErrNotExist)
}
