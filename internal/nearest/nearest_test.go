package nearest

import "testing"

func TestName(t *testing.T) {
	names := []string{"get", "list", "status", "setup"}
	for name, want := range map[string]string{
		"lst": "list", "gett": "get", "Status": "status", "stats": "status", "": "", "x": "",
		"kubernetes": "",
	} {
		if got := Name(name, names); got != want {
			t.Errorf("%q: got %q, want %q", name, got, want)
		}
	}
}
