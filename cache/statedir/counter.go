package statedir

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"

	"aws-credproc/internal/versioned"
)

// ErrBusy means that another process has held a lock for too long.
var ErrBusy = errors.New("another process has not finished in time")

// maxCounter is the maximum size of a counter file in bytes: a decimal int64 and a newline.
const maxCounter = 21

// countLimit is how long Count waits for another process. A Count takes milliseconds, but the other
// process may have been stopped.
const countLimit = 5 * time.Second

// Count changes a named number in the state directory at a path. It calls change with the number,
// or 0 if there is none or it cannot be read, and stores what change returns. Only one process at a
// time changes a number. Numbers are not secret.
func Count(ctx context.Context, path, name string, change func(n int64) int64) error {
	return count(ctx, path, name, countLimit, change)
}

func count(
	ctx context.Context, path, name string, limit time.Duration, change func(n int64) int64,
) error {
	d, err := Create(path)
	if err != nil {
		return err
	}
	defer d.Close()
	sum := sha256.Sum256([]byte(name)) // a name need not be a valid file name
	file := hex.EncodeToString(sum[:])
	busy := fmt.Errorf("%w (%v)", ErrBusy, limit)
	lockCtx, cancel := context.WithTimeoutCause(ctx, limit, busy)
	defer cancel()
	unlock, err := d.Lock(lockCtx, string(counters)+"-"+file, nil)
	if err != nil {
		return err
	}
	defer unlock()
	b, err := d.Read(counters, file, maxCounter)
	if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, versioned.ErrCorrupt) {
		return err
	}
	old, err := strconv.ParseInt(strings.TrimSuffix(string(b), "\n"), 10, 64)
	if err != nil {
		old = 0
	}
	n := change(old)
	if n == old {
		return nil
	}
	return d.Write(counters, file, fmt.Appendln(nil, n))
}
