package cache

import (
	"errors"
	"fmt"
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
	// refusedAge is how long a refusal counts. Until then, other stores are used.
	refusedAge = 10 * time.Minute
	// maxRefused is the size limit of the file in bytes.
	maxRefused = 512
)

// isRefusal reports whether an error of a put means that the keyring does not accept sessions. One
// that cannot be used says so when it is asked for its status.
func isRefusal(err error) bool {
	return errors.Is(err, keyringapi.ErrRefused) && !errors.Is(err, ErrUnavailable)
}

// recordRefusal records the result of a put in the keyring, if it is a refusal or the end of one.
func recordRefusal(d *statedir.Dir, now time.Time, result error) error {
	if isRefusal(result) {
		text := fmt.Sprintf("%s %s", now.UTC().Format(time.RFC3339), printable.Clean(result.Error(), 256))
		return d.Write(statedir.Root, refusedFile, []byte(text))
	}
	if result == nil && refusal(d, now) != "" {
		return d.Remove(statedir.Root, refusedFile)
	}
	return nil
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
	return "refused the last session: " + strings.TrimPrefix(printable.Clean(text, 256), "keyring: ")
}
