package browser

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"
)

// fetch sends a request and returns the status and where it redirects to.
func fetch(t *testing.T, page string, edit func(*http.Request)) (status int, location string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, page, nil)
	if err != nil {
		t.Error(err)
		return 0, ""
	}
	if edit != nil {
		edit(r)
	}
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Error(err)
		return 0, ""
	}
	defer resp.Body.Close()
	if resp.Header.Get("Cache-Control") != "no-store" ||
		resp.Header.Get("Referrer-Policy") != "no-referrer" {
		t.Errorf("headers %v", resp.Header)
	}
	return resp.StatusCode, resp.Header.Get("Location")
}

// TestHandOff: only a GET of the page by its address is redirected.
func TestHandOff(t *testing.T) {
	const secret = "https://signin.example/?token=hush"
	fetched := make(chan struct{})
	err := HandOff(t.Context(), secret, func(page string) error {
		defer close(fetched)
		u, err := url.Parse(page)
		if err != nil {
			return err
		}
		for name, edit := range map[string]func(*http.Request){
			"DNS rebinding": func(r *http.Request) { r.Host = "rebound.example:" + u.Port() },
			"another path":  func(r *http.Request) { r.URL.Path = "/" },
			"a longer path": func(r *http.Request) { r.URL.Path += "/" },
			"POST":          func(r *http.Request) { r.Method = http.MethodPost },
			"HEAD":          func(r *http.Request) { r.Method = http.MethodHead },
		} {
			if status, location := fetch(t, page, edit); status != 404 || location != "" {
				t.Errorf("%s: %d %s", name, status, location)
			}
		}
		if status, location := fetch(t, page, nil); status != 303 || location != secret {
			t.Errorf("%d %s", status, location)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	<-fetched
}

// TestHandOffOnce: a second request gets nothing.
func TestHandOffOnce(t *testing.T) {
	h := &handoff{host: "h", path: "/p", secret: "s", done: make(chan struct{})}
	for _, want := range []int{303, 410, 410} {
		w := &recorder{header: http.Header{}}
		r := &http.Request{Method: http.MethodGet, Host: "h", URL: &url.URL{Path: "/p"}}
		h.ServeHTTP(w, r)
		if w.status != want || (w.header.Get("Location") != "") != (want == 303) {
			t.Errorf("%d %v, want %d", w.status, w.header, want)
		}
	}
}

type recorder struct {
	header http.Header
	status int
}

func (r *recorder) Header() http.Header         { return r.header }
func (r *recorder) Write(b []byte) (int, error) { return len(b), nil }
func (r *recorder) WriteHeader(status int)      { r.status = status }

func TestHandOffFails(t *testing.T) {
	cause := errors.New("no browser")
	if err := HandOff(t.Context(), "x", func(string) error { return cause }); !errors.Is(err, cause) {
		t.Error(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	err := HandOff(ctx, "x", func(string) error { return nil })
	if !errors.Is(err, ErrNotFetched) {
		t.Error(err)
	}
}

func TestRun(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the commands are for sh")
	}
	out := filepath.Join(t.TempDir(), "out")
	const page = "http://127.0.0.1:1/ABC"
	for command, want := range map[string]string{
		"printf %s":             page,
		"printf '<%s>' {url}":   "<" + page + ">",
		"printf %s '{profile}'": "a+%27b%22%24%28x%29" + page,
		"printf %s x={profile}": "x=a+%27b%22%24%28x%29" + page,
		"printf %s 'ext+granted-containers:name={profile}&url={encoded_url}'": "ext+granted-containers:" +
			"name=a+%27b%22%24%28x%29&url=http%3A%2F%2F127.0.0.1%3A1%2FABC",
	} {
		err := Run("exec >"+out+"; "+command, page, `a 'b"$(x)`)
		got, errRead := os.ReadFile(out)
		if err != nil || errRead != nil || string(got) != want {
			t.Errorf("%s: %v %v: %q, want %q", command, err, errRead, got, want)
		}
	}
	if err := Run("exit 3; :", page, ""); err == nil {
		t.Error("no error for a command that fails")
	}
}
