package profiles

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPlacesOf(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	for name, text := range map[string]string{
		"config": "[profile hush]\n; hush\n# hushed\n[profile a]\n" +
			"secret = hush ; mine\nother = x hush\n",
		"credentials": byteOrderMark + "[b]\naws_secret_access_key = hush\n" +
			"#aws_secret_access_key=hush\n",
		"credentials.aws-credproc.bak":           "hush",
		"credentials.aws-credproc.2024.bak":      "hush",
		"credentials.aws-credproc.2025.bak":      "else",
		"credentials.bak":                        "hush", // of another program
		"config.aws-credproc.import.bak":         "hush",
		"config.aws-credproc.lock":               "",
		"another-config.aws-credproc.import.bak": "hush",
	} {
		if err := os.WriteFile(path(name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got := PlacesOf("hush", path("config"), path("credentials"))
	want := []SecretPlace{
		{Where: path("config:2")}, {Where: path("config:5"), Profile: "a"},
		{Where: path("credentials:2"), Profile: "b"}, {Where: path("credentials:3")},
		{Where: path("config.aws-credproc.import.bak"), IsCopy: true},
		{Where: path("credentials.aws-credproc.2024.bak"), IsCopy: true},
		{Where: path("credentials.aws-credproc.bak"), IsCopy: true},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
