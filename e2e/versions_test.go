package e2e_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestE2ETwoVersions: two versions can be installed at once. The older one does not read or replace
// the sessions of a newer one with another cache format, which keeps using them.
func TestE2ETwoVersions(t *testing.T) {
	older, newer := buildProgram(t), buildNewerFormat(t)
	sts, h := newDev(t)
	get := func(program string, warnings, calls int) string {
		t.Helper()
		before := sts.Calls("AssumeRole")
		id := h.run(t, program, "get", "dev").credentials(t, warnings).AccessKeyId
		if got := sts.Calls("AssumeRole") - before; got != calls {
			t.Errorf("%s: %d calls, want %d", filepath.Base(program), got, calls)
		}
		return id
	}

	get(older, 0, 1)
	cached := get(newer, 2, 1) // a real newer version knows this version's format
	if get(older, 1, 1) == cached {
		t.Error("the older version read the session of the newer one")
	}
	if get(newer, 0, 0) != cached {
		t.Error("the older version replaced the session of the newer one")
	}
	h.run(t, older, "clear", "dev").failed(t, 1, "newer version", "use the newer one to run")
	if get(newer, 0, 0) != cached {
		t.Error("the older version deleted the session of the newer one")
	}
}

// buildNewerFormat builds the program with the next version of each kind of file in the cache.
func buildNewerFormat(t *testing.T) string {
	t.Helper()
	var overlay struct{ Replace map[string]string }
	overlay.Replace = map[string]string{}
	dir := t.TempDir()
	for _, name := range []string{"factsVersion  = ", "itemVersion = ", "sessionVersion = "} {
		file := strings.TrimSuffix(strings.Fields(name)[0], "Version") + ".go"
		path := repoPath(t, "cache", file)
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		changed := strings.Replace(string(text), name+"1\n", name+"2\n", 1)
		if changed == string(text) {
			t.Fatalf("%s has no %s1", path, name)
		}
		overlay.Replace[path] = filepath.Join(dir, file)
		if err := os.WriteFile(overlay.Replace[path], []byte(changed), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	text, err := json.Marshal(overlay)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "overlay.json"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, "newer")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-trimpath",
		"-overlay", filepath.Join(dir, "overlay.json"), "-o", program, "aws-credproc")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return program
}
