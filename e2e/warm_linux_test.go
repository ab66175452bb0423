package e2e_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"aws-credproc/cache"
)

// initialized matches a line of GODEBUG=inittrace=1.
var initialized = regexp.MustCompile(`(?m)^init (\S+) @`)

// TestE2EWarmGetInitializesLittle holds what credproc/warm is for: a get with a cached session
// initializes no other packages than those listed in testdata/e2e. Two of them are of github.com/aws.
// They import so little that they come before package unicode.
func TestE2EWarmGetInitializesLittle(t *testing.T) {
	text, err := os.ReadFile(repoPath(t, "testdata", "e2e", "warm-packages.txt"))
	mustDo(t, err)
	program := buildProgram(t)
	_, h := newDev(t)
	for _, store := range []cache.Choice{cache.File, cache.Keyring} {
		t.Run(string(store), func(t *testing.T) {
			h := h.with("AWS_CREDPROC_STORE=" + string(store))
			if store == cache.Keyring {
				h = h.with(startSecretService(t).env...)
			}
			testInitialized(t, h, program, strings.Fields(string(text)))
		})
	}
}

// testInitialized tests that a get with a cached session initializes allowed packages only.
func testInitialized(t *testing.T, h *home, program string, allowed []string) {
	t.Helper()
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
			"Go initializes packages in the order of their import paths, each as soon as its own imports "+
			"are initialized. So either a package that credproc/warm needs has a new import, whose path "+
			"comes late in that order (see \"go list -deps ./credproc/warm\"), or these packages are "+
			"new and import little. docs/decisions/warm-path.md says what to do. If they are needed, add "+
			"them to testdata/e2e/warm-packages.txt.", strings.Join(others, "\n\t"))
	}
}
