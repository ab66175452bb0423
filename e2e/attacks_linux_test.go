package e2e_test

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// takePort binds a port as soon as it is free. It prints whether the process that asks there still
// runs.
const takePort = `import os, socket, sys
port, pid = int(sys.argv[1]), sys.argv[2]
open("ready", "w").close()
while True:
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        s.bind(("127.0.0.1", port))
        s.listen()
        break
    except OSError:
        s.close()
try:
    with open("/proc/" + pid + "/stat") as f:
        ended = ") Z " in f.read()
except FileNotFoundError:
    ended = True
print("ended" if ended else "runs")
`

// TestE2EPortOfServeAndAnotherUser: another user tries all the time to take the port of exec
// --serve, and gets it only when nothing asks there any more, even if aws-credproc is killed.
func TestE2EPortOfServeAndAnotherUser(t *testing.T) {
	other := newOtherUser(t)
	needCommands(t, "/usr/bin/python3", "setsid")
	program := buildProgram(t)
	_, h := newDev(t)
	for name, script := range map[string]string{
		"command runs":  `echo "$AWS_CONTAINER_CREDENTIALS_FULL_URI $$"; exec sleep 600`,
		"command ended": `setsid sh -c 'echo "$AWS_CONTAINER_CREDENTIALS_FULL_URI $$"; exec sleep 600' &`,
	} {
		t.Run(name, func(t *testing.T) {
			cmd := exec.Command(program, "exec", "dev", "--serve", "--", "sh", "-c", script)
			cmd.Env = h.env
			stdout, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			line, err := bufio.NewReader(stdout).ReadString('\n')
			url, pid, _ := strings.Cut(strings.TrimSpace(line), " ")
			if _, pidErr := strconv.Atoi(pid); err != nil || pidErr != nil {
				t.Fatalf("%q, %v", line, err)
			}
			port := strings.TrimSuffix(url[strings.LastIndex(url, ":")+1:], "/credentials")

			ready := filepath.Join(other.dir, "ready")
			if err := os.RemoveAll(ready); err != nil {
				t.Fatal(err)
			}
			taker := other.command("/usr/bin/python3", "-c", takePort, port, pid)
			taken, err := taker.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := taker.Start(); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				_ = taker.Process.Kill()
				_ = taker.Wait()
			})
			eventually(t, "the other user", func() bool { return exists(ready) })
			limit := time.AfterFunc(hangLimit, func() { _ = taker.Process.Kill() })
			defer limit.Stop()
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			if out, err := bufio.NewReader(taken).ReadString('\n'); out != "ended\n" {
				t.Errorf("another user took the port while the process that asks there %q, %v", out, err)
			}
			_ = cmd.Wait() // was killed
		})
	}
}

// TestE2EFilesOfAnotherUser: another user offers a state directory, a runtime directory and a config
// file. No session comes from there, none is written there, and doctor names the user.
func TestE2EFilesOfAnotherUser(t *testing.T) {
	other := newOtherUser(t)
	program := buildProgram(t)
	sts, h := newDev(t)
	h.ok(t, program, "get", "dev", "--store", "file")
	state := filepath.Join(other.dir, "state")
	if out, err := exec.Command("cp", "-a", filepath.Join(h.dir, "state"), state).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if out, err := exec.Command("chown", "-R", other.name, state).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	before := tree(t, other.dir)
	calls := sts.Calls("AssumeRole")
	for n, env := range [][]string{
		{"AWS_CREDPROC_STATE_DIR=" + state, "XDG_RUNTIME_DIR=" + other.dir, "TMPDIR=" + other.dir},
		{"AWS_CREDPROC_STATE_DIR=" + filepath.Join(state, "new"), "XDG_RUNTIME_DIR=" + other.dir},
	} {
		r := h.with(env...).run(t, program, "get", "dev", "--store", "file")
		if r.code != 0 || sts.Calls("AssumeRole") != calls+n+1 {
			t.Errorf("%q: exit %d, %d calls, stderr %q", env, r.code, sts.Calls("AssumeRole"), r.stderr)
		}
		if !strings.Contains(r.stderr, "another user") &&
			!strings.Contains(r.stderr, "which belongs to "+other.name) {
			t.Errorf("%q: stderr %q", env, r.stderr)
		}
	}
	if after := tree(t, other.dir); after != before {
		t.Errorf("the other user's directory was\n%s, is\n%s", before, after)
	}

	config := filepath.Join(other.dir, "config")
	text := "[profile evil]\ncredential_process = " + filepath.Join(other.dir, "aws-credproc") +
		" get dev\nregion = eu-west-1\n"
	for path, content := range map[string]string{config: text, other.dir + "/aws-credproc": "#!/bin/sh\n"} {
		if err := os.WriteFile(path, []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(path, int(other.uid), int(other.gid)); err != nil {
			t.Fatal(err)
		}
	}
	h = h.with("AWS_CONFIG_FILE=" + config)
	out := strings.Join(strings.Fields(h.run(t, program, "doctor").stdout), " ")
	for _, want := range []string{
		"the file belongs to another user, " + other.name,
		"that user can change it and make your tools run their commands",
		"that user can change what your tools run for credentials",
		"is named aws-credproc, but is not a build of this program",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("doctor does not say %q: %s", want, out)
		}
	}
}

// tree returns the paths, modes, sizes and times of the files in a directory.
func tree(t *testing.T, dir string) string {
	t.Helper()
	out, err := exec.Command("find", dir, "-printf", "%p %m %u %s %T@\n").Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}
