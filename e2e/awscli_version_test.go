package e2e_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestE2ERefreshNamesOldAWSCLI: versions of the AWS CLI without "aws login" are recognized: the
// pinned version 1, and Debian's version 2.
func TestE2ERefreshNamesOldAWSCLI(t *testing.T) {
	v1, v2 := repoPath(t, "build", "venv", "bin"), "/usr/bin"
	need(t, exists(filepath.Join(v1, "aws")), "build/venv")
	need(t, exists(filepath.Join(v2, "aws")), "aws")
	program := buildProgram(t)
	for dir, version := range map[string]string{v1: "1.", v2: "2."} {
		h := newHome(t, "PATH="+dir+string(os.PathListSeparator)+"/usr/bin:/bin")
		h.write(t, "config", "[profile signed]\nlogin_session = "+
			"arn:aws:sts::123456789012:assumed-role/Jill/jill\n")
		r := h.run(t, program, "--prompt", "none", "refresh", "signed")
		if r.code != 3 || !strings.Contains(r.stderr, "hint: the AWS CLI in the PATH is version "+version) ||
			!strings.HasSuffix(r.stderr, ", which has no login: install version 2.32, then run "+
				"aws login --profile signed\n") {
			t.Errorf("%s: exit %d\n%s", dir, r.code, r.stderr)
		}
	}
}
