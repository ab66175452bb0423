package awsregion

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

func TestIsKnownAndPossible(t *testing.T) {
	for name, want := range map[string]struct{ known, possible bool }{
		"us-east-1":         {true, true},
		"us-gov-west-1":     {true, true},
		"cn-northwest-1":    {true, true},
		"us-isob-east-1":    {true, true},
		"eusc-de-east-1":    {true, true},
		"aws-global":        {true, true},
		"aws-iso-b-global":  {true, true},
		"fips-us-east-1":    {true, true},
		"us-east-1-fips":    {true, true},
		"ap-southeast-10":   {false, true},
		"us-north-1":        {false, true},
		"eu-wset-1":         {false, true},
		"eu-west-1a":        {},
		"EU-WEST-1":         {},
		"us-east-1\n":       {},
		"eu_west":           {},
		"eu-west":           {},
		"-west-1":           {},
		"us east 1":         {},
		"local":             {},
		"global":            {},
		"zz-west-1":         {},
		"":                  {},
		"fips-":             {},
		"eu-west-1.evil.io": {},
	} {
		if known, possible := IsKnown(name), IsPossible(name); known != want.known ||
			possible != want.possible {
			t.Errorf("%q: known %v, possible %v; want %v", name, known, possible, want)
		}
	}
}

func TestNearest(t *testing.T) {
	for name, want := range map[string]string{
		"eu-west-1a": "eu-west-1", "EU-WEST-1": "eu-west-1", "eu-wset-1": "eu-west-1",
		"us-north-1": "eu-north-1", "EU-CENTRAL-1b": "eu-central-1", "us-east1": "us-east-1",
		"eu_west_1": "eu-west-1", "frankfurt": "", "": "", "x": "",
	} {
		if got := Nearest(name); got != want {
			t.Errorf("%q: got %q, want %q", name, got, want)
		}
	}
}

// TestTableIsThatOfTheSDK fails if go.mod names an SDK whose regions differ from the table.
func TestTableIsThatOfTheSDK(t *testing.T) {
	file := filepath.Join(t.TempDir(), "table.go")
	if out, err := exec.Command("go", "run", "../../scripts/regions", file).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("table.go")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("the table is out of date: run go generate ./internal/awsregion")
	}
}
