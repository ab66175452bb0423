package cache

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
)

// maxCounter is the length of a number in decimal, with its line end.
const maxCounter = 21

// countPatience is how long another process may take to count, which is a matter of milliseconds: one that is stopped in
// the midst of it holds nobody up for good. Only tests change it.
var countPatience = 5 * time.Second

// Count changes the number that the state directory dir keeps for a name, for every process: change gets the number, 0
// if there is none, and gives the new one. Only one process at a time does this for a name. The number is not secret;
// one that cannot be read is none.
func Count(ctx context.Context, dir, name string, change func(n int64) int64) error {
	d, err := openStateDir(dir, true)
	if err != nil {
		return err
	}
	defer d.root.Close()
	sum := sha256.Sum256([]byte(name)) // any name makes a file's name
	file := hex.EncodeToString(sum[:])
	brief, cancel := context.WithTimeoutCause(ctx, countPatience, fmt.Errorf("%w (%v)", ErrTimeout, countPatience))
	defer cancel()
	unlock, err := d.lock(brief, countersDir+"-"+file, nil)
	if err != nil {
		return fmt.Errorf("counter: %w", err)
	}
	defer unlock()
	root, err := d.sub(countersDir, true)
	if err != nil {
		return err
	}
	defer root.Close()
	b, err := readBounded(root, file, maxCounter)
	if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, ErrCorrupt) {
		return fmt.Errorf("counter: %w", err)
	}
	was, err := strconv.ParseInt(strings.TrimSuffix(string(b), "\n"), 10, 64)
	if err != nil {
		was = 0
	}
	n := change(was)
	if n == was {
		return nil
	}
	if err := writeAtomic(root, file, fmt.Appendln(nil, n)); err != nil {
		return fmt.Errorf("counter: %w", err)
	}
	return nil
}
