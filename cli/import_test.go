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

func TestImportStorageErrorsHaveAHint(t *testing.T) {
	noReply := errors.New("keyring: org.freedesktop.DBus.Error.NoReply: no reply")
	noSpace := &fs.PathError{Op: "write", Path: ".tmp-A", Err: syscall.ENOSPC}
	for want, cause := range map[string]error{
		"free some disk space, then run ":                   noSpace,
		"fix that, then run ":                               noReply,
		"check why the keyring does not respond, then run ": cache.ErrTimeout,
		"unlock the keyring, then run ":                     cache.ErrLocked,
		"import needs a keyring":                            cache.ErrUnavailable,
	} {
		for undo, line := range map[bool]string{false: "import base", true: "import --undo base"} {
			i := &importRun{app: testApp(), profile: "base", undo: undo}
			step, _, _ := strings.Cut(line, " base")
			hint := want
			if strings.HasSuffix(want, " ") {
				hint += "aws-credproc " + line
			}
			want := "base: " + step + ": " + cause.Error() + "\nhint: " + hint
			if got := diag.Text(i.storageError(cause)); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		}
	}
}
