package doctor

import (
	"os"
	"regexp"
	"slices"
	"testing"
)

func TestDocsListEveryCheck(t *testing.T) {
	page, err := os.ReadFile("../../docs/doctor.md")
	if err != nil {
		t.Fatal(err)
	}
	row := regexp.MustCompile("(?m)^\\| `([a-z-]+)` \\| (?:error|warning|error or warning) \\|")
	var listed []string
	for _, m := range row.FindAllStringSubmatch(string(page), -1) {
		listed = append(listed, m[1])
	}
	if !slices.Equal(listed, Checks()) {
		t.Errorf("docs/doctor.md lists\n%q\nand the checks are\n%q", listed, Checks())
	}
}
