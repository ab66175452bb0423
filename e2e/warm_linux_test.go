package e2e_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// initialized matches a line of GODEBUG=inittrace=1.
var initialized = regexp.MustCompile(`(?m)^init (\S+) @`)

// notWarm are packages, and those below them, that a get with a cached session must not initialize.
// The schemas of AWS services come before this program's packages and need no network.
var notWarm = []string{
	"aws-credproc/cli", "aws-credproc/credproc", "github.com/aws/aws-sdk-go-v2/config",
	"github.com/aws/aws-sdk-go-v2/credentials", "github.com/aws/aws-sdk-go-v2/service/signin",
	"github.com/aws/aws-sdk-go-v2/service/sso", "github.com/aws/aws-sdk-go-v2/service/ssooidc",
	"github.com/aws/aws-sdk-go-v2/service/sts", "github.com/spf13/cobra", "net/http",
}

// maxInitialized is how many packages a get with a cached session initializes, with the runtime's.
const maxInitialized = 106

// TestE2EWarmGetInitializesLittle holds what credproc/warm is for.
func TestE2EWarmGetInitializesLittle(t *testing.T) {
	program := buildProgram(t)
	_, h := newDev(t)
	h.run(t, program, "get", "dev").credentials(t, 0)
	h = h.with("GODEBUG=inittrace=1")
	packages := func(args ...string) (names []string) {
		for _, m := range initialized.FindAllStringSubmatch(h.run(t, program, args...).stderr, -1) {
			names = append(names, m[1])
		}
		return names
	}
	warm := packages("get", "dev")
	if len(warm) == 0 || len(packages("status")) <= len(warm) {
		t.Fatalf("status initializes no more than the %d packages of get", len(warm))
	}
	for _, name := range notWarm {
		if slices.Contains(warm, name) {
			t.Errorf("a get with a cached session initializes %s.\nEither credproc/warm has a new "+
				"import, or its import path no longer comes before github.com/: Go initializes "+
				"packages in the order of their paths", name)
		}
	}
	if len(warm) > maxInitialized {
		t.Errorf("a get with a cached session initializes %d packages, at most %d are expected:\n%s",
			len(warm), maxInitialized, strings.Join(warm, "\n"))
	}
}
