//go:build unix

package cli

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestGetAfter2And1: where stdout and stderr are the same file, get prints the JSON and nothing
// else, and if it fails all that it would print otherwise.
func TestGetAfter2And1(t *testing.T) {
	pipe := func(t *testing.T) (read, write *os.File) {
		t.Helper()
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		return r, w
	}
	for name, open := range map[string]func(t *testing.T) (read, write *os.File){
		"pipe": pipe,
		"socket": func(t *testing.T) (read, write *os.File) {
			fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
			if err != nil {
				t.Fatal(err)
			}
			return os.NewFile(uintptr(fds[0]), "r"), os.NewFile(uintptr(fds[1]), "w")
		},
		"file": func(t *testing.T) (read, write *os.File) {
			path := filepath.Join(t.TempDir(), "out")
			w, err := os.Create(path)
			if err != nil {
				t.Fatal(err)
			}
			r, err := os.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			return r, w
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHelper(t, startSTS(t))
			h.env = append(h.env, "AWS_CREDPROC_VERBOSE=true", "AWS_CREDPROC_PROMPT=nowhere")
			// sh duplicates the descriptor, as for the AWS SDK for C++.
			both := func(args string) (out []byte, err error) {
				r, w := open(t)
				defer r.Close()
				cmd := exec.CommandContext(t.Context(), "sh", "-c", h.path+" "+args+" 2>&1")
				cmd.Env, cmd.Stdout, cmd.Stderr = h.env, w, nil
				err = cmd.Run()
				w.Close()
				out, readErr := io.ReadAll(r)
				if readErr != nil {
					t.Fatal(readErr)
				}
				return out, err
			}
			for range 2 { // without and with a cached session
				out, err := both("get dev")
				if err != nil || !bytes.HasPrefix(out, []byte(`{"Version":1,`)) ||
					!bytes.HasSuffix(out, []byte("}\n")) || bytes.Count(out, []byte("\n")) != 1 {
					t.Errorf("%v: %d lines", err, bytes.Count(out, []byte("\n")))
				}
			}
			h.setting(t, "role_arn = nonsense")
			out, err := both("get dev")
			want := []string{
				"AWS_CREDPROC_PROMPT", "read the config files", "which is not an ARN",
			}
			for _, part := range want {
				if _, after, found := bytes.Cut(out, []byte(part)); found {
					out = after
				} else {
					t.Errorf("%v: the output lacks %q, in this order", err, part)
				}
			}
			if out, err := both("status"); err == nil || len(out) == 0 {
				t.Errorf("status: %v, %d bytes", err, len(out)) // the variable is an error there
			}
		})
	}

	h := newHelper(t, startSTS(t))
	h.env = append(h.env, "AWS_CREDPROC_VERBOSE=true")
	var stdout, stderr strings.Builder
	cmd := h.command(t, "get", "dev")
	cmd.Stdout, cmd.Stderr = &stdout, &stderr // two pipes
	if err := cmd.Run(); err != nil || !strings.Contains(stderr.String(), "read the config files") {
		t.Errorf("two pipes: %v, stderr %s", err, stderr.String())
	}
}

// TestDeferredOutputIsLimited: an endless message does not fill the memory.
func TestDeferredOutputIsLimited(t *testing.T) {
	var to bytes.Buffer
	d := &deferredWriter{to: &to}
	block := bytes.Repeat([]byte("x"), 1000)
	for range 1000 {
		if n, err := d.Write(block); n != len(block) || err != nil {
			t.Fatal(n, err)
		}
	}
	if to.Len() != 0 {
		t.Errorf("%d bytes before release", to.Len())
	}
	d.release()
	_, _ = d.Write([]byte("y"))
	if to.Len() != maxDeferred+1 {
		t.Errorf("%d bytes, want %d", to.Len(), maxDeferred+1)
	}
}
