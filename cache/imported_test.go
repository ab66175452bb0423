package cache

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

func TestImportedKeysAreNoted(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	const config = "/home/jill/.aws/config"
	read := func(wantID string, want error) {
		t.Helper()
		if i, err := ReadImported(dir, config, "base"); i.AccessKeyID != wantID || !errors.Is(err, want) {
			t.Errorf("got %+v, %v; want %s, %v", i, err, wantID, want)
		}
	}
	read("", ErrMiss)
	if err := ForgetImported(dir, config, "base"); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("a look has made the state directory")
	}
	if err := CheckNotes(dir); err != nil {
		t.Error(err)
	}
	for _, id := range []string{"AKIAX", "AKIAY"} {
		for _, i := range []Imported{{"base", config, id}, {"base", config + "2", "AKIAOTHER"}, {"base2", config, "AKIAOTHER"}} {
			if err := NoteImported(dir, i); err != nil {
				t.Fatal(err)
			}
		}
		read(id, nil)
	}
	for _, id := range []string{"", "two words", strings.Repeat("A", 33)} {
		if err := NoteImported(dir, Imported{"base", config, id}); err == nil {
			t.Errorf("%q is noted", id)
		}
	}
	path := filepath.Join(dir, importedDir, importedName(config, "base"))
	if fi, err := os.Stat(path); err != nil || runtime.GOOS != "windows" && fi.Mode().Perm()&0o077 != 0 {
		t.Errorf("%v, %v", fi.Mode(), err)
	}
	for text, want := range map[string]error{
		"": ErrCorrupt, "{}": ErrCorrupt, `{"v":2}`: ErrVersion,
		`{"v":1,"profile":"base2","config":"` + config + `","access_key_id":"AKIAX"}`:           ErrCorrupt,
		`{"v":1,"profile":"base","config":"` + config + `","access_key_id":"AK\u001b[31m"}`:     ErrCorrupt,
		`{"v":1,"profile":"base","config":"` + config + `"}` + strings.Repeat(" ", maxImported): ErrCorrupt,
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		read("", want)
	}
	if err := ForgetImported(dir, config, "base"); err != nil {
		t.Error(err)
	}
	read("", ErrMiss)
}
