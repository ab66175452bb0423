package cli

import (
	"errors"
	"io/fs"
	"strings"
	"syscall"
	"testing"

	"aws-credproc/cache"
	"aws-credproc/internal/diag"
)

// TestAFailureOfImportSaysWhereAndHowToGoOn: the profile, the step, the cause and the hint, whatever is in the way.
func TestAFailureOfImportSaysWhereAndHowToGoOn(t *testing.T) {
	for want, cause := range map[string]error{
		"make room on the disk, and then run ":         &fs.PathError{Op: "write", Path: ".tmp-A", Err: syscall.ENOSPC},
		"mend that, or try again: ":                    errors.New("keyring: org.freedesktop.DBus.Error.NoReply: Message recipient disconnected"),
		"see what holds the keyring up, and then run ": cache.ErrTimeout,
		"unlock the keyring, and then run ":            cache.ErrLocked,
		"keys are moved where there is a keyring only": cache.ErrUnavailable,
	} {
		for undo, line := range map[bool]string{false: "import base", true: "import --undo base"} {
			i := &importing{app: testApp(), profile: "base", undo: undo}
			step, _, _ := strings.Cut(line, " base")
			if strings.HasSuffix(want, " ") {
				line = want + "aws-credproc " + line
			} else {
				line = want
			}
			if got := diag.Text(i.told(hindered(cause))); got != "base: "+step+": "+cause.Error()+"\nhint: "+line {
				t.Error(got)
			}
		}
	}
}
