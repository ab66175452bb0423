package cache

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"aws-credproc/cache/statedir"
)

const claimSuffix = ".claim"

func claimName(key Key) string { return key.String() + claimSuffix }

// Claim claims the renewal of a session for this process. It returns false if another process has
// claimed it within life, or if nothing is cached. It does not wait.
func (c *Cache) Claim(key Key, life time.Duration) (bool, error) {
	d, name := c.target()
	if name == None {
		return false, nil
	}
	unlock, held, err := d.TryLock(claimName(key))
	if err != nil || !held { // held by a process that is claiming it
		return false, err
	}
	defer unlock()
	claimed, err := claim(d, key, c.opts.Now(), life)
	if err != nil {
		return false, fmt.Errorf("claim: %w", err)
	}
	return claimed, nil
}

// claim writes the time of a claim, unless an earlier one is still valid. A claim that cannot be
// read or that is in the future is not valid. The caller holds the lock of the claim.
func claim(d *statedir.Dir, key Key, now time.Time, life time.Duration) (bool, error) {
	b, err := d.Read(statedir.Facts, claimName(key), len(time.RFC3339Nano)+1)
	if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, ErrCorrupt) {
		return false, err
	}
	last, err := time.Parse(time.RFC3339Nano, strings.TrimSpace(string(b)))
	if err == nil && !last.After(now) && now.Sub(last) < life {
		return false, nil
	}
	err = d.Write(statedir.Facts, claimName(key), now.UTC().AppendFormat(nil, time.RFC3339Nano))
	return err == nil, err
}
