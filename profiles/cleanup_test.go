package profiles

import (
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
)

// TestCleanUpKeepsTheLockExclusive: a process that waits for a lock whose file is removed takes the
// new one.
func TestCleanUpKeepsTheLockExclusive(t *testing.T) {
	const workers, rounds = 8, 25
	dir := t.TempDir()
	config, credentials := filepath.Join(dir, "config"), filepath.Join(dir, "credentials")
	writeText(t, config, "[profile p]\na = 0\n")
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for range rounds {
				_, err := Update(t.Context(), config, credentials, func(e *Editor) error {
					p, err := e.Files().Profile("p")
					if err != nil {
						return err
					}
					n, err := strconv.Atoi(p.Get("a"))
					if err != nil {
						return err
					}
					return e.Set(ConfigFile, "p", "a", strconv.Itoa(n+1))
				})
				if err != nil {
					t.Error(err)
				}
				if err := CleanUp(t.Context(), config, credentials); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	want := "[profile p]\na = " + strconv.Itoa(workers*rounds) + "\n"
	if got := readText(t, config); got != want {
		t.Errorf("config is %q, want %q", got, want)
	}
}

func TestCleanUp(t *testing.T) {
	const wired = "[profile dev]\ncredential_process = aws-credproc get dev-role\n"
	const created = "[profile dev-role]\n" + createdComment +
		"\nrole_arn = arn:aws:iam::1:role/R\ncredential_source = Environment\n"
	for name, test := range map[string]struct {
		files map[string]string
		left  string
	}{
		"as before": {
			map[string]string{"config": "x", "config.aws-credproc.bak": "x", "config.aws-credproc.lock": ""},
			"config",
		},
		"edited since": {
			map[string]string{"config": "y", "config.aws-credproc.bak": "x", "config.aws-credproc.lock": ""},
			"config config.aws-credproc.bak",
		},
		"created": {
			map[string]string{"config": "", "config.aws-credproc.lock": ""},
			"",
		},
		"empty before": {
			map[string]string{"config": "", "config.aws-credproc.bak": ""},
			"config",
		},
		"still wired": {
			map[string]string{"config": wired, "config.aws-credproc.bak": wired, "config.aws-credproc.lock": ""},
			"config config.aws-credproc.bak config.aws-credproc.lock",
		},
		"created, with a backup of the second setup": {
			map[string]string{
				"config":                  "",
				"config.aws-credproc.bak": wired + created,
			},
			"",
		},
		"created for roles in the credentials file": {
			map[string]string{"config": "", "config.aws-credproc.bak": wired},
			"",
		},
		"created, and a profile added by hand": {
			map[string]string{
				"config":                  "y",
				"config.aws-credproc.bak": wired + created + "[profile y]\nregion = r\n",
			},
			"config",
		},
		"created, and a profile removed by hand": {
			map[string]string{
				"config":                  "",
				"config.aws-credproc.bak": wired + created + "[profile y]\nregion = r\n",
			},
			"config config.aws-credproc.bak",
		},
		"wired by hand": {
			map[string]string{
				"config":                  "",
				"config.aws-credproc.bak": wired + "[profile dev-role]\nregion = r\n",
			},
			"config config.aws-credproc.bak",
		},
		"credentials": {
			map[string]string{"credentials": "x", "credentials.aws-credproc.bak": "x"},
			"credentials",
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for file, text := range test.files {
				if text == "x" || text == "y" {
					text = "[profile " + text + "]\nregion = r\n"
				}
				writeText(t, filepath.Join(dir, file), text)
			}
			err := CleanUp(t.Context(), filepath.Join(dir, "config"), filepath.Join(dir, "credentials"))
			if got := names(t, dir); err != nil || got != test.left {
				t.Errorf("left %q, want %q (%v)", got, test.left, err)
			}
		})
	}
}

func TestCleanUpRemovesTheDirectoryThatUpdateCreated(t *testing.T) {
	for name, test := range map[string]struct {
		dir, other string // other is another file in dir
		removed    bool
	}{
		"created":      {".aws", "", true},
		"another file": {".aws", "cli", false},
		"another name": {"conf", "", false},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), test.dir)
			config, credentials := filepath.Join(dir, "config"), filepath.Join(dir, "credentials")
			for _, edit := range []func(*Editor) error{
				func(e *Editor) error { return e.CreateProfile("p", Setting{"region", "r"}) },
				func(e *Editor) error { return e.RemoveProfile(ConfigFile, "p") },
			} {
				if _, err := Update(t.Context(), config, credentials, edit); err != nil {
					t.Fatal(err)
				}
			}
			if test.other != "" {
				writeText(t, filepath.Join(dir, test.other), "")
			}
			if err := CleanUp(t.Context(), config, credentials); err != nil {
				t.Fatal(err)
			}
			if exists(dir) == test.removed {
				t.Errorf("the directory is there: %v, with %s", exists(dir), names(t, dir))
			}
		})
	}
}

func TestCleanUpKeepsADirectoryWithoutAConfigFile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), ".aws")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	err := CleanUp(t.Context(), filepath.Join(dir, "config"), filepath.Join(dir, "credentials"))
	if err != nil || !exists(dir) {
		t.Errorf("the directory is there: %v (%v)", exists(dir), err)
	}
}
