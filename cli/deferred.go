package cli

import (
	"bytes"
	"io"
	"os"
	"sync"

	"aws-credproc/internal/proc"
	"aws-credproc/internal/tui"
)

// maxDeferred is how many bytes a deferredWriter holds. Those after them are discarded.
const maxDeferred = 64 << 10

// deferredWriter holds what is written to it until release, and passes it on from then on. Without
// a call of release, nothing is written.
type deferredWriter struct {
	to io.Writer

	mu       sync.Mutex
	held     bytes.Buffer
	released bool
}

func (d *deferredWriter) Write(b []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.released {
		return d.to.Write(b)
	}
	d.held.Write(b[:min(len(b), maxDeferred-d.held.Len())])
	return len(b), nil
}

func (d *deferredWriter) release() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.released = true
	// An error of stderr is ignored: the exit code still reports a failure.
	_, _ = d.held.WriteTo(d.to)
}

// deferStderr keeps stderr empty if the command succeeds and stdout and stderr are the same pipe,
// socket or file. Older AWS SDKs for C++, such as 1.11.594 in PyArrow 21, run a
// credential_process with "2>&1": with any line on stderr they discard the credentials and send
// unsigned requests.
func (c *console) deferStderr() {
	stdout, ok := c.stdout.(*os.File)
	stderr, isFile := c.stderr.(*os.File)
	if !ok || !isFile || !proc.SameOutput(stdout, stderr) {
		return
	}
	c.deferred = &deferredWriter{to: stderr}
	c.stderr, c.waiting = c.deferred, tui.NewProgress(c.deferred)
}

// releaseStderr prints what deferStderr has held back, because the command has failed.
func (c *console) releaseStderr() {
	if c.deferred != nil {
		c.deferred.release()
	}
}
