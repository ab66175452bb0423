// Package cli is the command line of aws-credproc: a file per command, the flags, the wiring and
// the exit codes.
package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"aws-credproc/cache"
	"aws-credproc/credproc"
	"aws-credproc/credproc/mfa"
	"aws-credproc/credproc/plan"
	"aws-credproc/credproc/warm"
	"aws-credproc/internal/guard"
	"aws-credproc/internal/proc"
	"aws-credproc/internal/terminal"
	"aws-credproc/profiles"
)

// Main runs the program with these arguments, without the program's name, and returns its exit
// code.
func Main(args []string) int {
	guard.Harden()
	return run(args, guard.WithoutSIGPIPE(os.Stdout), guard.WithoutSIGPIPE(os.Stderr))
}

// grace is how long a command may run after its deadline or after a signal.
const grace = 3 * time.Second

// run runs the program, without the hardening of the process. A command ends when its context does.
// One that ignores its context is abandoned after grace.
func run(args []string, stdout, stderr io.Writer) int {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()

	a := &app{console: newConsole(stdout, stderr), aborted: make(chan string, 1)}
	a.handleSignals = sync.OnceFunc(func() {
		signals, stop := signal.NotifyContext(ctx, proc.EndSignals()...)
		context.AfterFunc(signals, cancel)
		context.AfterFunc(signals, stop) // a second signal ends the process immediately
	})
	context.AfterFunc(ctx, func() { time.AfterFunc(grace, func() { a.abort("interrupted") }) })
	root := newRootCmd(a)
	root.SetArgs(args)
	var help bytes.Buffer // cobra writes help and the version in pieces, and ignores errors
	root.SetOut(&help)
	root.SetErr(stderr)
	type result struct {
		cmd *cobra.Command
		err error
	}
	done := make(chan result, 1)
	go func() {
		cmd, err := root.ExecuteContextC(ctx)
		done <- result{cmd, err}
	}()
	select {
	case r := <-done:
		a.waiting.Stop()
		if help.Len() > 0 {
			if err := a.print(help.Bytes()); err != nil && !errors.Is(err, errStdoutClosed) {
				r.err = fail(err)
			}
		}
		code := a.exit(r.cmd, r.err)
		switch {
		case code != exitDone || a.then == nil:
			return code
		case ctx.Err() != nil:
			a.say("interrupted")
			return exitFailed
		}
		signal.Reset()
		code, err := a.then()
		if err != nil {
			return a.exit(r.cmd, fail(err))
		}
		return code
	case reason := <-a.aborted:
		a.waiting.Stop()
		a.releaseStderr()
		a.say("%s", reason)
		return exitFailed
	}
}

// app is one run of the program: its console, its settings, and what the commands share.
type app struct {
	*console

	aborted  chan string // why the program ends before its command does
	watchdog *time.Timer // aborts a command that ignores its deadline
	// handleSignals makes signals cancel the command's context. Before the call they end the
	// process: a get with a cached session has nothing to clean up, and handling signals would take
	// a tenth of its time.
	handleSignals func()
	// then runs after the command has succeeded, without a time limit and with the signal handlers
	// that the process started with. It returns the exit code.
	then func() (int, error)

	store   cache.Choice
	prompt  mfa.Mode
	timeout time.Duration
}

// abort ends the program although its command has not ended.
func (a *app) abort(reason string) {
	select {
	case a.aborted <- reason:
	default: // the program is already ending
	}
}

// runE returns a cobra RunE that runs do until --timeout and fails with its error. Signals end do's
// context.
func (a *app) runE(do runFunc) func(*cobra.Command, []string) error {
	withDeadline := a.withDeadline(do)
	return func(cmd *cobra.Command, args []string) error {
		a.handleSignals()
		return withDeadline(cmd, args)
	}
}

// runFunc is the work of a command.
type runFunc func(ctx context.Context, args []string) error

// withDeadline is runE for a command that calls handleSignals itself, if it has to wait.
func (a *app) withDeadline(do runFunc) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		ctx, cancel := context.WithTimeout(cmd.Context(), a.timeout)
		defer cancel()
		a.watchdog = time.AfterFunc(a.timeout+grace, func() {
			a.abort("timed out after " + a.timeout.String())
		})
		defer a.watchdog.Stop()
		return fail(do(ctx, args))
	}
}

// pauseWatchdog suspends the time limit, while the user reads or types, until resume is called.
func (a *app) pauseWatchdog() (resume func()) {
	a.watchdog.Stop()
	return func() { a.watchdog.Reset(a.timeout + grace) }
}

// files reads the config files.
func (a *app) files() (*profiles.Files, error) {
	f, err := plan.Files(os.Getenv, a.stateDir(), a.warn)
	if err == nil {
		a.trace("read the config files")
	}
	return f, err
}

// warnOfNoHome warns if the home directory is unknown. It is for commands that use all profiles: a
// profile that is named would not be found.
func (a *app) warnOfNoHome() {
	if err := profiles.CheckHome(profiles.Paths(os.Getenv)); err != nil {
		a.warn("%v", err)
	}
}

// stateDir returns the state directory, or "" if there is none.
func (a *app) stateDir() string { return plan.StateDir(os.Getenv) }

func (a *app) openCache() (*cache.Cache, error) {
	return a.cacheWith(a.warn)
}

// openCacheQuietly is for commands that report the cache's failures themselves.
func (a *app) openCacheQuietly() (*cache.Cache, error) {
	return a.cacheWith(a.trace)
}

func (a *app) cacheWith(warnf func(format string, args ...any)) (*cache.Cache, error) {
	return cache.Open(cache.Options{
		Dir: a.stateDir(), Choice: a.store, Warnf: warnf, Keyring: warm.Keyring,
	})
}

func (a *app) resolver() (*credproc.Resolver, error) {
	c, err := a.openCache()
	if err != nil {
		return nil, err
	}
	return &credproc.Resolver{
		Cache: c, Keyring: warm.Keyring, Getenv: os.Getenv, Now: time.Now, Version: version(),
		Warnf: a.warn, Tracef: a.trace, Stderr: a.waiting,
		BeforeWait: a.handleSignals, Waiting: a.waiting.Start,
		TokenCodes: a.tokenCodes(a.prompt, a.warn),
	}, nil
}

// chain returns the chain of a profile, and the resolver for it.
func (a *app) chain(profile string) (profiles.Chain, *credproc.Resolver, error) {
	f, err := a.files()
	if err != nil {
		return profiles.Chain{}, nil, err
	}
	c, err := f.Chain(profile)
	if err != nil {
		return profiles.Chain{}, nil, err
	}
	r, err := a.resolver()
	return c, r, err
}

// credentialsOf returns the credentials of a profile, its chain, and the resolver for it.
func (a *app) credentialsOf(
	ctx context.Context, profile string,
) (s cache.Session, c profiles.Chain, r *credproc.Resolver, err error) {
	if c, r, err = a.chain(profile); err == nil {
		s, err = r.Credentials(ctx, c)
	}
	return s, c, r, err
}

// tokenCodes returns the provider of MFA codes.
func (a *app) tokenCodes(mode mfa.Mode, warnf func(string, ...any)) credproc.TokenCodes {
	return progressStopper{&mfa.Provider{
		Mode: mode, Dir: a.stateDir(), Getenv: os.Getenv, Now: time.Now, Seeds: a.seeds(),
		Stderr: a.waiting, Warnf: warnf, Tracef: a.trace,
	}, a.waiting.Stop}
}

// progressStopper removes the progress line before the user is asked for a code.
type progressStopper struct {
	*mfa.Provider
	stop func()
}

func (p progressStopper) Code(ctx context.Context, d mfa.Device, last error) (mfa.Code, error) {
	p.stop()
	return p.Provider.Code(ctx, d, last)
}

// seeds returns the TOTP seeds in the keyring.
func (a *app) seeds() *mfa.Seeds { return mfa.NewSeeds(a.stateDir(), time.Now) }

// terminal opens the terminal, if --prompt allows asking there.
func (a *app) terminal() (*terminal.Terminal, error) {
	switch a.prompt {
	case mfa.Auto, mfa.TTY:
		return terminal.Open()
	default:
		return nil, fmt.Errorf("the prompt is %s", a.prompt)
	}
}
