package doctor

import (
	"os"
	"regexp"
	"slices"
	"testing"
)

// TestTheDocsHaveALineForEachCheck: and none for another.
func TestTheDocsHaveALineForEachCheck(t *testing.T) {
	page, err := os.ReadFile("../../docs/doctor.md")
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z-]+)` \\| (?:error|warning|error or warning) \\|").FindAllStringSubmatch(string(page), -1) {
		told = append(told, m[1])
	}
	if !slices.Equal(told, Checks()) {
		t.Errorf("docs/doctor.md tells of\n%q\nand the checks are\n%q", told, Checks())
	}
}
