package e2e_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestE2EQuotedProgram: each client starts a program whose path has a space, in the form that setup
// writes and in others. list and explain recognize them all.
func TestE2EQuotedProgram(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "bin dir")
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(folder, "aws-credproc")
	if err := os.Rename(buildProgram(t), program); err != nil {
		t.Fatal(err)
	}
	s, h := newDev(t)
	h = h.with("PATH="+folder+":"+os.Getenv("PATH"), "AWS_PROFILE=dev", "AWS_REGION=eu-west-1")
	h.ok(t, program, "setup", "dev", "--yes")
	written, err := os.ReadFile(h.path("config"))
	if err != nil {
		t.Fatal(err)
	}
	single := "'" + program + "' get dev-role"
	if !strings.Contains(string(written), "credential_process = "+single+"\n") {
		t.Fatalf("setup has not written %s:\n%s", single, written)
	}
	for name, command := range map[string]string{
		"single quotes": single,
		"backslash":     strings.ReplaceAll(program, " ", `\ `) + " get dev-role",
		"double quotes": `"` + program + `" get dev-role`,
	} {
		t.Run(name, func(t *testing.T) {
			h.write(t, "config", strings.ReplaceAll(string(written), single, command))
			for _, c := range clients {
				out := h.ok(t, c.find(t), c.whoami(t, s.URL)...)
				if !strings.Contains(out, "assumed-role/Dev/") {
					t.Errorf("%s: %s", c.name, out)
				}
			}
			if out := h.ok(t, program, "list", "--json"); !strings.Contains(out, `"wired": true`) {
				t.Errorf("list: %s", out)
			}
			if out := h.ok(t, program, "explain", "dev"); !strings.Contains(out, roleARN("Dev")) {
				t.Errorf("explain: %s", out)
			}
			quotingWarned := strings.Contains(h.run(t, program, "doctor", "dev").stdout, "process-quoting")
			if quotingWarned != (name == "double quotes") {
				t.Errorf("doctor warns of the quoting: %v", quotingWarned)
			}
		})
	}
}
