package diag

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"
	"testing"
)

func TestText(t *testing.T) {
	cause := errors.New("no such file")
	for name, test := range map[string]struct {
		err  error
		want string
	}{
		"all parts": {
			&Error{Profile: "dev", Where: "config:3", Problem: "not an ARN", Hint: "write arn:..."},
			"dev: config:3: not an ARN\nhint: write arn:...",
		},
		"problem only":         {&Error{Problem: "not an ARN"}, "not an ARN"},
		"problem of the cause": {&Error{Where: "config", Err: cause}, "config: no such file"},
		"problem and cause":    {&Error{Problem: "cannot be read", Err: cause}, "cannot be read"},
		"wrapped": {
			fmt.Errorf("get: %w", &Error{Problem: "x", Hint: "y"}), "get: x\nhint: y",
		},
		"hint of the outermost": {&Error{Problem: "x", Err: &Error{Problem: "y", Hint: "z"}}, "x"},
		"another type of error": {cause, "no such file"},
		"cause with own profile": {
			&Error{Profile: "a", Err: &Error{Profile: "b", Problem: "x"}}, "a: b: x",
		},
	} {
		if got := Text(test.err); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
	if err := (&Error{Err: cause}); !errors.Is(err, cause) {
		t.Error("the cause is not wrapped")
	}
}

func TestCutHintUndoesWithHint(t *testing.T) {
	for _, want := range [][2]string{
		{"problem", "hint"}, {"problem", ""}, {"", "hint"}, {"a: b", "c: d"},
	} {
		problem, hint := CutHint(WithHint(want[0], want[1]))
		if problem != want[0] || hint != want[1] {
			t.Errorf("%q, %q; want %q", problem, hint, want)
		}
	}
}

func TestFlags(t *testing.T) {
	e := &Error{Problem: "x", Flags: Temporary | Local}
	wrapped := fmt.Errorf("get: %w", e)
	if !Has(wrapped, Temporary) || !Has(wrapped, Temporary|Local) {
		t.Error("a flag that is set is not reported")
	}
	if Has(wrapped, Denied) || Has(wrapped, Temporary|Denied) ||
		Has(errors.New("x"), Temporary) || Has(nil, Temporary) {
		t.Error("a flag that is not set is reported")
	}
	if Has(&Error{Err: e}, Temporary) {
		t.Error("the flags of an inner error are reported")
	}
	e.Set(Denied, true)
	e.Set(Local, false)
	if e.Flags != Temporary|Denied {
		t.Errorf("flags %b after Set", e.Flags)
	}
}

func TestFileLimitHint(t *testing.T) {
	for err, want := range map[error]bool{
		syscall.EMFILE: true, syscall.ENFILE: true, syscall.ENOENT: false,
		&fs.PathError{Op: "open", Path: "x", Err: syscall.EMFILE}: true,
	} {
		if got := FileLimitHint(err) != ""; got != want {
			t.Errorf("%v: hint is %v, want %v", err, got, want)
		}
	}
}
