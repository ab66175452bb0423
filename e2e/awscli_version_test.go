package e2e_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestE2ERefreshNamesOldAWSCLI: version 1 of the AWS CLI, which has no "aws sso login", is recognized,
// and version 2 is not taken for it.
func TestE2ERefreshNamesOldAWSCLI(t *testing.T) {
	v1, v2 := repoPath(t, "build", "venv", "bin"), "/usr/bin"
	need(t, exists(filepath.Join(v1, "aws")), "build/venv")
	need(t, exists(filepath.Join(v2, "aws")), "aws")
	program := buildProgram(t)
	for dir, hint := range map[string]string{
		v1: "the AWS CLI in the PATH is version 1, which has no sso login: install version 2, then run " +
			"aws sso login --sso-session corp\n",
		v2: "aws sso login --sso-session corp\n",
	} {
		h := newHome(t, "PATH="+dir+string(os.PathListSeparator)+"/usr/bin:/bin")
		h.write(t, "config", "[profile sso]\nsso_session = corp\nsso_account_id = 123456789012\n"+
			"sso_role_name = Dev\n[sso-session corp]\nsso_region = eu-west-1\n"+
			"sso_start_url = https://example.awsapps.com/start\n")
		r := h.run(t, program, "--prompt", "none", "refresh", "sso")
		if r.code != 3 || !strings.HasSuffix(r.stderr, "hint: "+hint) {
			t.Errorf("%s: exit %d\n%s", dir, r.code, r.stderr)
		}
	}
}
