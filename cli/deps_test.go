package cli

import (
	"bufio"
	"bytes"
	"encoding/json"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "aws-credproc"

// layers are the packages of this module, from the top down. A package may import those of lower
// layers only; internal/ has rules of its own. A new package must be added here.
var layers = [][]string{
	{"."},
	{"cli"},
	{"cli/doctor"},
	{"credproc/warm"},
	{"credproc"},
	{"credproc/mfa", "credproc/signin"},
	{"credproc/shell"},
	{"credproc/plan"},
	{"profiles", "cache"},
	{"cache/keyring"},
	{"cache/statedir"},
}

// Packages that may not be linked into the packages named for them, directly or indirectly.
var forbidden = []struct{ in, imports string }{
	{"profiles", "net/http"},
	{"profiles", "github.com/aws/"},
	{"cache", "net/http"},
	{"cache", "github.com/aws/"},
	{"cache/keyring", "github.com/aws/"},
	{"cache/statedir", "github.com/aws/"},
	{"credproc/plan", "github.com/aws/"},
	{"credproc/warm", "github.com/aws/"},
	{"credproc/warm", "github.com/spf13/"},
	{"credproc/warm", "net/http"},
	{"credproc/warm", "net/url"},
	{"credproc", "github.com/spf13/"},
	{".", "github.com/godbus/"}, // docs/decisions/dbus.md
}

// late are packages that may not be linked into credproc/warm on Linux. Go initializes packages in
// the order of their import paths, so those of github.com/aws would come before them, and
// credproc/warm after all of them.
var late = []string{"net", "os/exec", "os/user", "path/filepath", "regexp"}

// importers of internal/ststest outside tests: the demo, and the benchmarks.
var ststestImporters = []string{"cli", "scripts/bench"}

type listedPackage struct {
	ImportPath    string
	Imports, Deps []string
	GoFiles       []string
}

// path returns the package's path in the module, "." for the root.
func (p listedPackage) path() string {
	if p.ImportPath == module {
		return "."
	}
	return strings.TrimPrefix(p.ImportPath, module+"/")
}

// listPackages returns the packages of this module as go list reports them for a system.
func listPackages(t *testing.T, system string) (all []listedPackage) {
	t.Helper()
	const fields = "-json=ImportPath,Imports,Deps,GoFiles"
	cmd := exec.CommandContext(t.Context(), "go", "list", fields, module+"/...")
	cmd.Env = append(os.Environ(), "GOOS="+system, "CGO_ENABLED=0")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	for d := json.NewDecoder(bytes.NewReader(out)); d.More(); {
		var p listedPackage
		if err := d.Decode(&p); err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	return all
}

// TestDependenciesPointOneWay holds the dependency rules of the layout in docs/architecture.md.
func TestDependenciesPointOneWay(t *testing.T) {
	for _, system := range []string{"linux", "darwin", "windows"} {
		t.Run(system, func(t *testing.T) {
			all := listPackages(t, system)
			for _, p := range all {
				checkImports(t, p)
				checkForbidden(t, p)
			}
			if system == "linux" {
				checkLate(t, all)
			}
		})
	}
}

// checkLate tests that credproc/warm needs none of the packages in late.
func checkLate(t *testing.T, all []listedPackage) {
	t.Helper()
	warm := all[slices.IndexFunc(all, func(p listedPackage) bool { return p.path() == "credproc/warm" })]
	for _, dep := range late {
		if !slices.Contains(warm.Deps, dep) {
			continue
		}
		var importers []string
		for _, p := range all {
			if slices.Contains(p.Imports, dep) &&
				(p.path() == warm.path() || slices.Contains(warm.Deps, p.ImportPath)) {
				importers = append(importers, p.path())
			}
		}
		t.Errorf("credproc/warm depends on %s, which is imported by %v. So it would be initialized after "+
			"the packages of github.com/aws, see docs/decisions/warm-path.md. Use internal/ospath or "+
			"internal/users, or put the code in a package that credproc/warm does not need.",
			dep, importers)
	}
}

// layer returns the index of a package's layer, -1 if it has none.
func layer(path string) int {
	return slices.IndexFunc(layers, func(l []string) bool { return slices.Contains(l, path) })
}

func checkImports(t *testing.T, p listedPackage) {
	t.Helper()
	from := p.path()
	inInternal := strings.HasPrefix(from, "internal/")
	inScripts := strings.HasPrefix(from, "scripts/")
	if layer(from) < 0 && !inInternal && !inScripts && from != "e2e" {
		t.Errorf("%s is in none of the layers", from)
	}
	for _, path := range p.Imports {
		to, ours := strings.CutPrefix(path, module+"/")
		switch {
		case !ours:
		case to == "internal/ssotest":
			t.Errorf("%s imports %s, which is for tests", from, to)
		case to == "internal/ststest" && !slices.Contains(ststestImporters, from):
			t.Errorf("%s imports %s, which is for tests and the demo", from, to)
		case inInternal && !strings.HasPrefix(to, "internal/"):
			t.Errorf("%s imports %s; internal packages import internal packages only", from, to)
		case strings.HasPrefix(to, "internal/"), inScripts:
		case layer(to) <= layer(from):
			t.Errorf("%s imports %s, which is not in a lower layer", from, to)
		}
	}
}

func checkForbidden(t *testing.T, p listedPackage) {
	t.Helper()
	for _, rule := range forbidden {
		if rule.in != p.path() {
			continue
		}
		for _, dep := range p.Deps {
			isPrefix := strings.HasSuffix(rule.imports, "/") && strings.HasPrefix(dep, rule.imports)
			if dep == rule.imports || isPrefix {
				t.Errorf("%s depends on %s", rule.in, dep)
			}
		}
	}
}

// TestOnlyDemoImportsSTSTest: of this package's files, demo.go alone uses the test server.
func TestOnlyDemoImportsSTSTest(t *testing.T) {
	paths, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") || path == "demo.go" {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range f.Imports {
			if strings.Contains(i.Path.Value, "ststest") {
				t.Errorf("%s imports %s", path, i.Path.Value)
			}
		}
	}
}

// TestRootHoldsMainOnly: the module's root holds main.go and no other Go file.
func TestRootHoldsMainOnly(t *testing.T) {
	paths, err := filepath.Glob("../*.go")
	if err != nil {
		t.Fatal(err)
	}
	if len(paths) != 1 || filepath.Base(paths[0]) != "main.go" {
		t.Fatalf("Go files in the root: %v", paths)
	}
	b, err := os.ReadFile(paths[0])
	if err != nil {
		t.Fatal(err)
	}
	lines := 0
	for s := bufio.NewScanner(bytes.NewReader(b)); s.Scan(); {
		lines++
	}
	if lines > 40 {
		t.Errorf("main.go has %d lines, want at most 40", lines)
	}
}
