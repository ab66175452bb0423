package browser

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"time"

	"aws-credproc/internal/credserver"
)

// ErrNotFetched is returned if the browser has not asked for the page before the time limit.
var ErrNotFetched = errors.New("the browser did not open the page")

// HandOff gives a browser a URL that is a secret. It calls open with the URL of a page on this
// machine, which redirects to the secret one: once, and on Linux only for a process of this user or
// root. So the secret is not in the arguments of a process. HandOff returns when the browser has
// been redirected, or when ctx ends.
func HandOff(ctx context.Context, secret string, open func(page string) error) error {
	l, err := net.Listen("tcp4", credserver.Loopback+":0")
	if err != nil {
		return fmt.Errorf("cannot listen on %s: %w", credserver.Loopback, err)
	}
	h := &handoff{
		host: l.Addr().String(), path: "/" + rand.Text(), secret: secret, done: make(chan struct{}),
	}
	server := &http.Server{
		Handler: h, ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second,
		MaxHeaderBytes: 16 << 10, ErrorLog: log.New(io.Discard, "", 0),
	}
	go func() { _ = server.Serve(ownListener{l}) }() // returns after Close
	defer server.Close()
	failed := make(chan error, 1)
	go func() {
		if err := open("http://" + h.host + h.path); err != nil {
			failed <- err
		}
	}()
	select {
	case <-h.done:
		// Let the response be sent.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = server.Shutdown(ctx)
		return nil
	case err := <-failed:
		return err
	case <-ctx.Done():
		return ErrNotFetched
	}
}

// handoff redirects one request.
type handoff struct {
	host, path, secret string

	once sync.Once
	done chan struct{}
}

func (h *handoff) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Cache-Control", "no-store")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Connection", "close")
	if r.Host != h.host || r.URL.Path != h.path || r.Method != http.MethodGet {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	status := http.StatusGone
	h.once.Do(func() {
		header.Set("Location", h.secret)
		status = http.StatusSeeOther
		close(h.done)
	})
	w.WriteHeader(status)
}

// ownListener closes connections of other users, where the system tells them.
type ownListener struct{ net.Listener }

func (l ownListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil || credserver.IsOwn(conn) {
			return conn, err
		}
		_ = conn.Close()
	}
}
