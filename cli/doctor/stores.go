package doctor

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"aws-credproc/cache"
	"aws-credproc/profiles"
)

// stateDirectory finds a state directory that cannot be used.
func stateDirectory(x *exam) {
	if x.health.StateDir != nil {
		x.add(Finding{Severity: Warning, What: x.health.StateDir.Error(), Why: notKept,
			Fix: "make it a directory of yours that nobody else may write to (mode 700), or let AWS_CREDPROC_STATE_DIR name one"})
	}
}

// notKept is why it matters that a store is out of reach.
const notKept = "no session is kept: each process assumes the role anew, and asks for MFA codes anew"

// keyring finds a keyring that is absent, locked or silent. That there is none is in order where sessions go to the
// kernel's; without a state directory nobody knows whether they would.
func keyring(x *exam) {
	err, store := x.health.StoreErr, x.health.Store
	if err == nil || x.health.Choice == cache.Kernel || (store == cache.Kernel || x.health.StateDir != nil) && errors.Is(err, cache.ErrUnavailable) {
		return
	}
	text := strings.TrimPrefix(err.Error(), "keyring: ")
	why := notKept
	if store == cache.Kernel {
		why = "sessions go to the kernel's keyring meanwhile, and those that rest in this one are made anew"
	}
	f := Finding{Severity: Warning, What: "the keyring does not work: " + text, Why: why, Fix: "see what the keyring says, or choose another store: --store kernel or --store file"}
	switch {
	case errors.Is(err, cache.ErrUnavailable):
		f.What = "there is no keyring: " + text
		other := "file"
		if x.goos == "linux" && x.health.Choice == cache.Keyring { // auto has tried it
			other = "kernel"
		}
		f.Fix = "sign in where there is one, or choose another store: " + x.export("AWS_CREDPROC_STORE", other)
	case errors.Is(err, cache.ErrLocked):
		f.What = "the keyring is locked"
		f.Fix = "unlock it: sign in at the desktop, or open your keyring program"
		if x.goos == "darwin" {
			f.Fix = run("security unlock-keychain")
		}
	case errors.Is(err, cache.ErrTimeout):
		f.What = "the keyring is there and does not answer"
		f.Why = "each process waits for it, and then " + why
		f.Fix = "start its service anew, or sign out and in again"
		if x.goos == "linux" {
			f.Fix = "start its service anew; for GNOME's " + run("gnome-keyring-daemon --replace --components=secrets --daemonize")
		}
	}
	x.add(f)
}

// kernelStore finds that the kernel's keyring was chosen and is out of reach.
func kernelStore(x *exam) {
	if x.health.Choice == cache.Kernel && x.health.StoreErr != nil {
		x.add(Finding{Severity: Warning, What: "the kernel's keyring is out of reach: " + x.health.StoreErr.Error(), Why: notKept,
			Fix: "allow the container keyctl and add_key (Docker's default seccomp profile does not), or choose another store: " + x.export("AWS_CREDPROC_STORE", "file")})
	}
}

// newerItems finds sessions that a newer version of this program wrote.
func newerItems(x *exam) {
	n := len(x.health.Newer)
	if n == 0 {
		return
	}
	what := "a session was written by a newer version of this program"
	if n > 1 {
		what = fmt.Sprintf("%d sessions were written by a newer version of this program", n)
	}
	var names []string
	for _, f := range x.health.Newer {
		if f.Profile != "" && !slices.Contains(names, f.Profile) {
			names = append(names, f.Profile)
		}
	}
	if len(names) > 0 {
		what += ", for " + listed(names)
	}
	x.add(Finding{Severity: Warning, What: what, Why: "this one cannot read it and leaves it alone, so for those roles it keeps nothing",
		Fix: "two versions are installed: let everything start the newer one; the older is " + x.Helper})
}

// leftovers finds what killed processes left lying about.
func leftovers(x *exam) {
	add := func(why string, paths []string) {
		for _, path := range paths {
			remove := "rm " + x.quoted(path)
			if x.goos == "windows" {
				remove = "del " + x.quoted(path)
			}
			x.add(Finding{Severity: Warning, Where: path, What: "a process that was killed has left a temporary file", Why: why, Fix: run(remove)})
		}
	}
	for _, path := range []string{x.ConfigPath, x.CredentialsPath} {
		add("it is a copy of the file beside it, with the keys that may be in that", profiles.Leftovers(path, x.now()))
	}
	add("it may hold a sealed session, and is of no use", x.health.Leftovers)
}
