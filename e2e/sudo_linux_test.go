package e2e_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// listing returns the files in a directory with their owner, size and time of change.
func listing(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		st := info.Sys().(*syscall.Stat_t)
		fmt.Fprintln(&b, path, st.Uid, info.Mode(), info.Size(), info.ModTime())
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestE2ESudoWithHomeOfAnotherUser: as root with the HOME of a user, as with sudo -E, credentials are
// returned, and nothing is changed there.
func TestE2ESudoWithHomeOfAnotherUser(t *testing.T) {
	other := newOtherUser(t)
	bin, err := os.MkdirTemp("/tmp", "aws-credproc-bin-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(bin) })
	program := filepath.Join(bin, "aws-credproc")
	built, err := os.ReadFile(buildProgram(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(program, built, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	s, root := newDev(t)
	if err := os.Mkdir(filepath.Join(other.dir, ".aws"), 0o700); err != nil {
		t.Fatal(err)
	}
	h := root.with("HOME="+other.dir, "AWS_CONFIG_FILE=", "AWS_SHARED_CREDENTIALS_FILE=",
		"AWS_CREDPROC_STATE_DIR=", "XDG_STATE_HOME=", "PATH="+bin+":"+os.Getenv("PATH"))
	for _, name := range []string{"config", "credentials"} {
		text, err := os.ReadFile(root.path(name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(other.dir, ".aws", name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	give := func(names ...string) {
		t.Helper()
		for _, name := range names {
			if err := os.Lchown(filepath.Join(other.dir, name), int(other.uid), int(other.gid)); err != nil {
				t.Fatal(err)
			}
		}
	}
	give(".aws", ".aws/config", ".aws/credentials")

	before := listing(t, other.dir)
	calls := s.Calls("AssumeRole")
	for _, store := range []string{"auto", "file", "keyring"} {
		r := h.with("AWS_CREDPROC_STORE="+store).run(t, program, "get", "dev")
		r.credentials(t, 1)
		if !strings.Contains(r.stderr, "which belongs to "+other.name) {
			t.Errorf("store %s: %s", store, r.stderr)
		}
	}
	if n := s.Calls("AssumeRole") - calls; n != 3 {
		t.Errorf("%d calls of AssumeRole, want 3, since nothing is cached", n)
	}
	for _, args := range [][]string{
		{"setup", "dev", "--yes"}, {"setup", "dev", "--undo", "--yes"}, {"import", "base", "--yes"},
	} {
		h.run(t, program, args...).failed(t, 1, "belongs to "+other.name+", and you are root",
			"hint: run the command as "+other.name+", without sudo; or add --as-root")
	}
	h.run(t, program, "export", "dev", "--write-profile", "x").failed(t, 1, "belongs to "+other.name,
		"hint: run the command as "+other.name+", without sudo\n")
	h.ok(t, program, "setup", "dev", "--dry-run")
	if out := h.run(t, program, "doctor").stdout; !strings.Contains(out,
		"error[file-access]: the file belongs to another user, "+other.name) {
		t.Errorf("doctor does not report the owner:\n%s", out)
	}
	if after := listing(t, other.dir); after != before {
		t.Errorf("changed: before\n%safter\n%s", before, after)
	}

	// Nothing in a state directory of the user is changed either.
	as := other.command(program, "get", "dev")
	as.Env = append(as.Env, "AWS_ENDPOINT_URL_STS="+s.URL, "AWS_CREDPROC_STORE=file")
	if out, err := as.CombinedOutput(); err != nil {
		t.Fatalf("get as the user: %v\n%s", err, out)
	}
	before = listing(t, other.dir)
	h.run(t, program, "get", "dev").credentials(t, 1)
	h.run(t, program, "clear", "--all")
	h.run(t, program, "refresh", "dev")
	if after := listing(t, other.dir); after != before {
		t.Errorf("changed: before\n%safter\n%s", before, after)
	}

	// With the flag, the user can still edit and undo.
	h.ok(t, program, "setup", "dev", "--as-root", "--yes")
	for _, line := range strings.Split(strings.TrimSpace(listing(t, other.dir)), "\n") {
		if !strings.Contains(line, fmt.Sprintf(" %d ", other.uid)) {
			t.Errorf("does not belong to the user: %s", line)
		}
	}
	undo := other.command(program, "setup", "dev", "--undo", "--yes")
	if out, err := undo.CombinedOutput(); err != nil {
		t.Errorf("undo as the user: %v\n%s", err, out)
	}
}
