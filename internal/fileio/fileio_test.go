package fileio

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestReadLimited(t *testing.T) {
	dir := t.TempDir()
	for name, test := range map[string]struct {
		size, limit int
		want        error
	}{
		"empty":    {0, 0, nil},
		"at limit": {1000, 1000, nil},
		"above":    {1001, 1000, ErrTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(dir, name)
			text := strings.Repeat("x", test.size)
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			f, err := os.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			b, err := ReadLimited(f, int64(test.limit))
			if !errors.Is(err, test.want) || err == nil && string(b) != text {
				t.Errorf("%d bytes, %v; want %v", len(b), err, test.want)
			}
		})
	}
	d, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if _, err := ReadLimited(d, 1000); !errors.Is(err, ErrNotRegular) {
		t.Errorf("directory: %v", err)
	}
}
