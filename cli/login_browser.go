package cli

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"time"

	"aws-credproc/credproc"
	"aws-credproc/credproc/signin"
	"aws-credproc/internal/browser"
)

// signer signs in to IAM Identity Center.
type signer struct {
	*app
	deviceCode, noBrowser bool
}

// signIn signs in to a target and returns when the sign-in expires.
func (s signer) signIn(
	ctx context.Context, r *credproc.Resolver, to target,
) (expires time.Time, err error) {
	in, err := to.newSignIn(s.app, r)
	if err != nil {
		return time.Time{}, err
	}
	stop := func() {}
	defer func() { stop() }()
	wait := func() { stop = s.progress("waiting for the browser; Ctrl-C cancels") }
	// A token of the older form cannot be renewed, and its service knows the device code only.
	if s.deviceCode || to.session.Name == "" || !hasDisplay(os.Getenv) {
		return in.WithDeviceCode(ctx, func(page signin.DevicePage) {
			s.showCode(to, page)
			wait()
		})
	}
	return in.WithBrowser(ctx, func(url string) {
		s.showURL(to, url)
		wait()
	})
}

// showURL prints the URL of a sign-in and opens the browser.
func (s signer) showURL(to target, url string) {
	how := "opening the browser; if it does not open, visit"
	if s.noBrowser {
		how = "open this page in a browser on this machine"
	}
	s.say("sign in to %s: %s:", to.session, how)
	s.printURL(url)
	if isRemote(os.Getenv) {
		s.say("if the browser is on another machine, use --use-device-code")
	}
	s.open(url)
}

// showCode prints the code and the page of a sign-in and opens the browser.
func (s signer) showCode(to target, page signin.DevicePage) {
	s.say("sign in to %s: visit this page, and check that it shows the code %s:",
		to.session, page.Code)
	if page.FullURL == "" {
		page.FullURL = page.URL
	}
	s.printURL(page.FullURL)
	if hasDisplay(os.Getenv) {
		s.open(page.FullURL)
	}
}

// printURL prints a URL on a line of its own, which is not broken, so that it can be copied. It was
// checked to be printable ASCII.
func (s signer) printURL(url string) {
	_, _ = fmt.Fprintf(s.waiting, "\n  %s\n\n", url) // an error of stderr is ignored
}

// open opens the browser, unless there is to be none. The URL is not a secret: other users may see
// it in the arguments of the browser.
func (s signer) open(url string) {
	if s.noBrowser {
		return
	}
	go func() { // it may take as long as the browser runs
		if err := browser.Open(url); err != nil {
			s.trace("open the browser: %v", err)
		}
	}()
}

// isRemote reports whether the user is connected with SSH.
func isRemote(getenv func(string) string) bool {
	return getenv("SSH_CONNECTION") != "" || getenv("SSH_TTY") != ""
}

// hasDisplay reports whether a browser can be opened on this machine.
func hasDisplay(getenv func(string) string) bool {
	for _, name := range []string{"DISPLAY", "WAYLAND_DISPLAY"} {
		if getenv(name) != "" {
			return true
		}
	}
	switch runtime.GOOS {
	case "darwin", "windows":
		return !isRemote(getenv)
	}
	return getenv("WSL_DISTRO_NAME") != "" && !isRemote(getenv)
}
