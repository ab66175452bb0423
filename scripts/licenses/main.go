// Command licenses prints the licenses and notices of Go and of all modules that are linked into
// the program on any supported system. Releases contain its output.
package main

import (
	"bufio"
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// licenseFile matches the names of files that a license may ask to be distributed.
var licenseFile = regexp.MustCompile(`(?i)^(licen[cs]e|copying|notice|patents)([.-].*)?$`)

// document is a license file and the module or package that it belongs to.
type document struct{ owner, path string }

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "licenses:", err)
		os.Exit(1)
	}
}

func run() error {
	documents, err := goDocuments()
	if err != nil {
		return err
	}
	for _, system := range []string{"linux", "darwin", "windows"} {
		more, err := linkedDocuments(system)
		if err != nil {
			return err
		}
		documents = append(documents, more...)
	}
	slices.SortFunc(documents, func(a, b document) int {
		return cmp.Or(strings.Compare(a.owner, b.owner), strings.Compare(a.path, b.path))
	})
	out := bufio.NewWriter(os.Stdout)
	_, _ = fmt.Fprintln(out, "aws-credproc contains the following third-party software.")
	for _, d := range slices.Compact(documents) {
		text, err := os.ReadFile(d.path)
		if err != nil {
			return err
		}
		_, _ = fmt.Fprintf(out, "\n%s\n%s: %s\n\n%s\n", strings.Repeat("=", 80),
			d.owner, filepath.Base(d.path), strings.TrimSpace(string(text)))
	}
	return out.Flush()
}

func goDocuments() ([]document, error) {
	out, err := exec.Command("go", "env", "GOROOT", "GOVERSION").Output()
	if err != nil {
		return nil, fmt.Errorf("go env: %w", err)
	}
	root, version, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	return licensesIn(root, "Go "+version)
}

// linkedDocuments returns the license files of the modules that the program imports on a system:
// those in the directories of the imported packages and in their parents, up to the module's.
func linkedDocuments(system string) ([]document, error) {
	const format = "{{with .Module}}{{if not .Main}}" +
		"{{.Path}}@{{.Version}}\t{{.Dir}}\t{{$.Dir}}{{end}}{{end}}"
	cmd := exec.Command("go", "list", "-deps", "-f", format, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+system)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list for %s: %w", system, err)
	}
	var documents []document
	for line := range strings.Lines(string(out)) {
		fields := strings.Split(strings.TrimSpace(line), "\t")
		if len(fields) != 3 {
			continue
		}
		module, root := fields[0], fields[1]
		for dir := fields[2]; ; dir = filepath.Dir(dir) {
			found, err := licensesIn(dir, module+filepath.ToSlash(strings.TrimPrefix(dir, root)))
			if err != nil {
				return nil, err
			}
			documents = append(documents, found...)
			if dir == root {
				if len(found) == 0 {
					return nil, fmt.Errorf("%s has no license file", module)
				}
				break
			}
		}
	}
	return documents, nil
}

func licensesIn(dir, owner string) ([]document, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var documents []document
	for _, e := range entries {
		if e.Type().IsRegular() && licenseFile.MatchString(e.Name()) {
			documents = append(documents, document{owner, filepath.Join(dir, e.Name())})
		}
	}
	return documents, nil
}
