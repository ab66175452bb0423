package cli

import (
	"strings"
	"testing"
)

// TestDocsShowTheComposeFile: TestE2EServeImage runs what it says.
func TestDocsShowTheComposeFile(t *testing.T) {
	compose := read(t, "packaging/compose.yaml")
	if !strings.Contains(read(t, "docs/containers.md"), "```\n"+compose+"```\n") {
		t.Error("docs/containers.md differs from packaging/compose.yaml")
	}
}
