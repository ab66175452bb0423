package cache

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"
)

// Claim reports whether the caller is the one process that is to try and renew a session: nobody else has claimed that
// within life. It waits for nobody. Where nothing is kept there is nothing to claim, and the answer is no.
func (c *Cache) Claim(key Key, life time.Duration) (bool, error) {
	d, name := c.target()
	if name == None {
		return false, nil
	}
	unlock, held, err := d.tryLock(claimName(key))
	if err != nil || !held { // held by a process that is claiming it at this moment
		return false, err
	}
	defer unlock()
	return d.claim(key, c.opts.Now(), life)
}

// claim notes the time of a claim beside the facts, if the one before is over. The caller holds the lock of claims.
func (d *stateDir) claim(key Key, now time.Time, life time.Duration) (bool, error) {
	root, err := d.sub(factsDir, true)
	if err != nil {
		return false, err
	}
	defer root.Close()
	b, err := readBounded(root, claimName(key), len(time.RFC3339Nano)+1)
	if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, ErrCorrupt) {
		return false, fmt.Errorf("claim: %w", err)
	}
	// One that cannot be read, or that the clock has not come to yet, tells nothing.
	last, err := time.Parse(time.RFC3339Nano, strings.TrimSpace(string(b)))
	if err == nil && !last.After(now) && now.Sub(last) < life {
		return false, nil
	}
	if err := writeAtomic(root, claimName(key), now.UTC().AppendFormat(nil, time.RFC3339Nano)); err != nil {
		return false, fmt.Errorf("claim: %w", err)
	}
	return true, nil
}

const claimSuffix = ".claim"

func claimName(key Key) string { return key.String() + claimSuffix }
