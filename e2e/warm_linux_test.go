package e2e_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// initialized matches a line of GODEBUG=inittrace=1.
var initialized = regexp.MustCompile(`(?m)^init (\S+) @`)

// TestE2EWarmGetInitializesLittle holds what credproc/warm is for: a get with a cached session
// initializes no other packages than those in warm-packages.txt, which has no client of the AWS SDK.
// The schemas of AWS services in it come before this program's packages and need no network.
func TestE2EWarmGetInitializesLittle(t *testing.T) {
	text, err := os.ReadFile(repoPath(t, "testdata", "e2e", "warm-packages.txt"))
	mustDo(t, err)
	allowed := strings.Fields(string(text))
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
	slices.Sort(warm)
	var others []string
	for _, name := range slices.Compact(warm) {
		if !slices.Contains(allowed, name) {
			others = append(others, name)
		}
	}
	if len(others) > 0 {
		t.Errorf("a get with a cached session also initializes\n\t%s\n"+
			"Either credproc/warm has a new import, or its import path no longer comes before "+
			"github.com/: Go initializes packages in the order of their paths. If the packages are "+
			"needed, add them to testdata/e2e/warm-packages.txt.", strings.Join(others, "\n\t"))
	}
}
