package cache

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"time"
)

// tempAge is longer than any write takes, and any claim counts.
const tempAge = time.Hour

// sweep removes what is of no more use: the temporary files of killed processes, and claims of long ago.
func (d *stateDir) sweep(now time.Time) error {
	errs := []error{sweepDir(d.root, now)}
	for _, name := range []string{factsDir, sessionsDir, countersDir} {
		root, err := d.sub(name, false)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		errs = append(errs, sweepDir(root, now), root.Close())
	}
	return errors.Join(errs...)
}

func sweepDir(root *os.Root, now time.Time) error {
	entries, err := fs.ReadDir(root.FS(), ".")
	if err != nil {
		return err
	}
	var errs []error
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), tempPrefix) && !strings.HasSuffix(e.Name(), claimSuffix) {
			continue
		}
		info, err := e.Info()
		if err == nil && now.Sub(info.ModTime()) > tempAge {
			err = remove(root, e.Name())
		}
		if !errors.Is(err, fs.ErrNotExist) { // its writer has just finished
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
