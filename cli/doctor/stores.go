package doctor

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"aws-credproc/cache"
	"aws-credproc/internal/diag"
	"aws-credproc/internal/keyringapi"
	"aws-credproc/profiles"
)

// notCached is why a store that cannot be used matters.
const notCached = "sessions are not cached: every process calls STS and asks for its own MFA code"

// stateDirectory finds a state directory that cannot be used.
func stateDirectory(x *examination) []Finding {
	if x.health.StateDir == nil {
		return nil
	}
	return []Finding{{
		Severity: Warning, What: cause(x.health.StateDir), Why: notCached,
		Fix: cmp.Or(diag.Hint(x.health.StateDir),
			"make it a directory that you own and that only you can write to (mode 700), "+
				"or set AWS_CREDPROC_STATE_DIR to one"),
	}}
}

// keyring finds a keyring that is missing, locked or silent. A missing one is not a problem if
// sessions go to the kernel store; that is not known without a state directory.
func keyring(x *examination) []Finding {
	err, store, choice := x.health.StoreErr, x.health.Store, x.health.Choice
	isMissing := errors.Is(err, cache.ErrUnavailable)
	isOthers := errors.Is(err, cache.ErrOtherUser)
	if err == nil || choice == cache.Kernel ||
		isMissing && !isOthers && (store == cache.Kernel || x.health.StateDir != nil) {
		return nil
	}
	text := strings.TrimPrefix(err.Error(), "keyring: ")
	f := Finding{
		Severity: Warning, What: "the keyring does not work: " + text, Why: notCached,
		Fix: write("check the keyring with its own program, or choose another store",
			x.sh.export("AWS_CREDPROC_STORE", "file")),
	}
	if store == cache.Kernel {
		f.Why = "new sessions go to the kernel store instead; those in the keyring are not used"
	}
	switch {
	case isOthers:
		f.What = strings.TrimPrefix(text, cache.ErrUnavailable.Error()+": ")
		f.Why = "the keyring on it is not used, because that user could read everything in it"
		f.Fix = "set DBUS_SESSION_BUS_ADDRESS and XDG_RUNTIME_DIR to those of your own login, " +
			"or unset both"
	case errors.Is(err, keyringapi.ErrNotStarted):
		f.What = "no Secret Service has been started yet"
		f.Fix = run("aws-credproc refresh --all")
	case isMissing:
		other := "file"
		if x.sh.goos == "linux" && choice == cache.Keyring { // auto has tried the kernel store
			other = "kernel"
		}
		f.What = "no keyring: " + text
		f.Fix = write("log in to a desktop session that has one, or choose another store",
			x.sh.export("AWS_CREDPROC_STORE", other))
	case errors.Is(err, keyringapi.ErrAsksForAccess):
		f.What = "KeePassXC asks for each access to the keyring"
		f.Fix = keyringapi.AccessHint
	case errors.Is(err, cache.ErrLocked):
		f.What = "the keyring is locked"
		f.Fix = "unlock it in your keyring program, or log in at the desktop"
		if x.sh.goos == "darwin" {
			f.Fix = run("security unlock-keychain")
		}
	case errors.Is(err, cache.ErrTimeout):
		f.What = "the keyring does not respond"
		f.Why = "every process waits for it; then " + f.Why
		f.Fix = "log out and in again, or restart the keyring's service"
		if x.sh.goos == "linux" {
			f.Fix += write("; for GNOME Keyring, run",
				"gnome-keyring-daemon --replace --components=secrets --daemonize")
		}
	}
	return []Finding{f}
}

// kernelStore finds that the kernel store was chosen but cannot be used.
func kernelStore(x *examination) []Finding {
	if x.health.Choice != cache.Kernel || x.health.StoreErr == nil {
		return nil
	}
	return []Finding{{
		Severity: Warning, What: "the kernel keyring cannot be used: " + x.health.StoreErr.Error(),
		Why: notCached,
		Fix: write("allow keyctl and add_key in the container (Docker's default seccomp profile does "+
			"not), or choose another store", x.sh.export("AWS_CREDPROC_STORE", "file")),
	}}
}

// newerItems finds sessions that a newer version of aws-credproc wrote.
func newerItems(x *examination) []Finding {
	if len(x.health.Newer) == 0 {
		return nil
	}
	var names []string
	for _, f := range x.health.Newer {
		if f.Profile != "" && !slices.Contains(names, f.Profile) {
			names = append(names, f.Profile)
		}
	}
	what := "a newer version of aws-credproc wrote a session"
	if n := len(x.health.Newer); n > 1 {
		what = fmt.Sprintf("a newer version of aws-credproc wrote %d sessions", n)
	}
	if len(names) > 0 {
		what += ", for " + join(names)
	}
	return []Finding{{
		Severity: Warning, What: what,
		Why: "this version cannot read or replace sessions of a newer one, so it caches nothing for " +
			"those roles",
		Fix: "two versions are installed: use the newer one everywhere; this one is " + x.opts.Helper,
	}}
}

// leftovers finds temporary files of killed processes.
func leftovers(x *examination) (found []Finding) {
	add := func(why string, paths []string) {
		for _, path := range paths {
			found = append(found, Finding{
				Severity: Warning, Where: path, What: "temporary file of a process that was killed",
				Why: why, Fix: run(x.sh.remove(path)),
			})
		}
	}
	for _, path := range []string{x.opts.ConfigPath, x.opts.CredentialsPath} {
		add("it is a copy of the file next to it, with any keys in that",
			profiles.Leftovers(path, x.env.now()))
	}
	add("it is not used, and may contain an encrypted session", x.health.Leftovers)
	return found
}
