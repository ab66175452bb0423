package cache

import (
	"errors"
	"io/fs"
	"strings"
	"time"

	"aws-credproc/cache/statedir"
	"aws-credproc/internal/keyringapi"
	"aws-credproc/internal/printable"
)

// refusedFile says that the keyring has refused the last session although it was unlocked, as oo7
// does if the login password is too short: the time and the error.
const refusedFile = "keyring.refused"

const (
	// refusedAge is how long a refusal counts. Until then, other stores are used, unless
	// ForgetRefusal is called.
	refusedAge = 10 * time.Minute
	// maxRefused is the size limit of the file in bytes.
	maxRefused = 512
)

// isRefusal reports whether an error of a put means that the keyring does not accept sessions. A
// keyring that is locked or not available is not one that refuses: its status shows that.
func isRefusal(err error) bool {
	return errors.Is(err, keyringapi.ErrRefused) && !errors.Is(err, ErrUnavailable)
}

// recordRefusal records a put in the keyring that was refused. It removes the record after one that
// was not.
func recordRefusal(d *statedir.Dir, now time.Time, result error) error {
	switch {
	case result == nil:
		return d.Remove(statedir.Root, refusedFile)
	case isRefusal(result):
		text := now.UTC().Format(time.RFC3339) + " " + printable.Clean(result.Error(), maxRefused/2)
		return d.Write(statedir.Root, refusedFile, []byte(text))
	}
	return nil
}

// ForgetRefusal lets the keyring be used again although it has refused a session. dir is the path of
// the state directory.
func ForgetRefusal(dir string) error {
	d, err := statedir.Open(dir)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	defer d.Close()
	return d.Remove(statedir.Root, refusedFile)
}

// refusal returns why the keyring has refused the last session, "" if it has not.
func refusal(d *statedir.Dir, now time.Time) string {
	if d == nil {
		return ""
	}
	b, err := d.Read(statedir.Root, refusedFile, maxRefused)
	if err != nil { // there is none, or it cannot be used
		return ""
	}
	written, text, _ := strings.Cut(string(b), " ")
	at, err := time.Parse(time.RFC3339, written)
	if err != nil || now.Sub(at).Abs() > refusedAge {
		return ""
	}
	text = strings.TrimPrefix(printable.Clean(text, maxRefused), "keyring: ")
	return "refused the last session: " + text
}
