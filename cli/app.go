// Package cli is the command line of aws-credproc: a file per command, the flags, the wiring and the
// exit codes.
package cli

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"aws-credproc/cache"
	"aws-credproc/credproc"
	"aws-credproc/credproc/mfa"
	"aws-credproc/internal/diag"
	"aws-credproc/profiles"
)

// Exit codes. They are part of the interface.
const (
	exitDone        = 0
	exitFailed      = 1
	exitUsage       = 2
	exitNeedsPerson = 3 // a person is needed and cannot be asked here
)

// Main runs the program with these arguments, without the program's name, and returns its exit code.
func Main(args []string) int {
	harden()
	return run(args, unbroken(os.Stdout), unbroken(os.Stderr))
}

// grace is how long a command that should have ended may take to do so.
const grace = 3 * time.Second

// run is the program: it gives the exit code. A command ends by its context, at the end of its time or at a signal; one
// that does not, since something below heeds no context, is left behind.
func run(args []string, stdout, stderr io.Writer) int {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()

	a := &app{stdout: stdout, stderr: stderr, start: time.Now(), overdue: make(chan string, 1)}
	a.heedSignals = sync.OnceFunc(func() {
		endings := []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP}
		// Nobody means us by what we were told to ignore, by nohup or by a shell that runs us in its background.
		endings = slices.DeleteFunc(endings, signal.Ignored)
		signals, stop := signal.NotifyContext(ctx, endings...)
		context.AfterFunc(signals, cancel)
		context.AfterFunc(signals, stop) // a second signal ends the process at once
	})
	context.AfterFunc(ctx, func() { time.AfterFunc(grace, func() { a.isOverdue("interrupted") }) })
	root := a.rootCommand()
	root.SetArgs(args)
	var shown bytes.Buffer // help and the version: cobra writes them in pieces, and asks for no error
	root.SetOut(&shown)
	root.SetErr(stderr)
	type ending struct {
		of  *cobra.Command
		err error
	}
	done := make(chan ending, 1)
	go func() {
		cmd, err := root.ExecuteContextC(ctx)
		done <- ending{cmd, err}
	}()
	select {
	case end := <-done:
		if shown.Len() > 0 {
			if err := a.print(shown.Bytes()); err != nil {
				end.err = failure{err}
			}
		}
		code := a.exitCode(end.of, end.err)
		switch {
		case code != exitDone || a.then == nil:
			return code
		case ctx.Err() != nil:
			a.say("interrupted")
			return exitFailed
		}
		signal.Reset()
		return a.then()
	case why := <-a.overdue:
		a.say("%s", why)
		return exitFailed
	}
}

// isOverdue ends the program.
func (a *app) isOverdue(why string) {
	select {
	case a.overdue <- why:
	default: // it is ending already
	}
}

// failure is an error of a command that was understood. An error that is none is wrong usage.
type failure struct{ error }

func (f failure) Unwrap() error { return f.error }

// errReported says that a command failed and has said why already.
var errReported = errors.New("reported")

// exitCode tells of a command's error and gives the exit code that it stands for.
func (a *app) exitCode(cmd *cobra.Command, err error) int {
	var failed failure
	var notRun cannotRun
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &notRun):
		a.report(err)
		return notRun.code
	case !errors.As(err, &failed):
		a.say("%s", diag.WithHint(err.Error(), cmp.Or(diag.Hint(err), "see "+cmd.CommandPath()+" --help")))
		return exitUsage
	case !errors.Is(err, errReported):
		a.report(err)
	}
	var e *diag.Error
	if errors.As(err, &e) && e.Has(diag.NeedsUser) {
		return exitNeedsPerson
	}
	return exitFailed
}

// app is one run of the program.
type app struct {
	stdout, stderr io.Writer
	start          time.Time
	warned         []string
	warnf          func(format string, args ...any) // in the place of warn, once a command is at work beside us
	overdue        chan string                      // why the command has not ended although it should have
	watchdog       *time.Timer
	stopProgress   func() // of the line that says what is waited for; nil where there was none
	// heedSignals makes a signal end the command by its context. Until then it ends the process: a session from the cache
	// leaves nothing to tidy up, and heeding signals would take a tenth of the time of serving it.
	heedSignals func()
	// then is what is left to do when the command has ended well. It has no time limit and the signals are as they were
	// when this process was started. It gives the exit code.
	then func() int

	store   cache.Choice
	prompt  mfa.Mode
	timeout time.Duration
	verbose bool
}

// say writes one line to stderr.
func (a *app) say(format string, args ...any) {
	text, hint := diag.CutHint(fmt.Sprintf(format, args...))
	text = strings.ReplaceAll(text, "\n", "; ") // errors that are joined have a line each
	// Nothing can be done where even stderr is gone; the exit code still tells.
	_, _ = fmt.Fprintf(a.stderr, "aws-credproc: %s\n", printable(text))
	if hint != "" {
		_, _ = fmt.Fprintf(a.stderr, "aws-credproc: hint: %s\n", printable(hint))
	}
}

// report writes an error to stderr, and its hint on a second line.
func (a *app) report(err error) { a.say("%s", diag.Text(err)) }

// warn tells of something although all goes well, once.
func (a *app) warn(format string, args ...any) {
	if a.warnf != nil {
		a.warnf(format, args...)
		return
	}
	text := fmt.Sprintf("warning: "+format, args...)
	if !slices.Contains(a.warned, text) {
		a.warned = append(a.warned, text)
		a.say("%s", text)
	}
}

func (a *app) trace(format string, args ...any) {
	if a.verbose {
		a.say("%6.1f ms  %s", float64(time.Since(a.start).Microseconds())/1000, fmt.Sprintf(format, args...))
	}
}

// print writes a command's result to stdout in one piece.
func (a *app) print(b []byte) error {
	if _, err := a.stdout.Write(b); err != nil {
		return fmt.Errorf("write to stdout: %w", err)
	}
	return nil
}

func (a *app) files() (*profiles.Files, error) {
	f, err := profiles.Load(profiles.Paths(os.Getenv))
	if err == nil {
		a.trace("read the config files")
		f.Imported = a.imported
	}
	return f, err
}

// warnOfNoHome is for who works on all profiles there are: one that is named would not be found.
func (a *app) warnOfNoHome() {
	if err := profiles.CheckHome(profiles.Paths(os.Getenv)); err != nil {
		a.warn("%v", err)
	}
}

// stateDir gives the state directory, "" if none is known.
func (a *app) stateDir() string {
	dir := os.Getenv("AWS_CREDPROC_STATE_DIR")
	if dir == "" {
		var err error
		if dir, err = cache.DefaultDir(); err != nil {
			a.trace("no state directory: %v", err) // whoever needs it tells what follows from that
		}
	}
	return dir
}

func (a *app) openCache() (*cache.Cache, error) {
	return cache.Open(cache.Options{Dir: a.stateDir(), Choice: a.store, Warnf: a.warn})
}

// quietCache is for who tells of the cache's failures as its own.
func (a *app) quietCache() (*cache.Cache, error) {
	return cache.Open(cache.Options{Dir: a.stateDir(), Choice: a.store, Warnf: a.trace})
}

func (a *app) resolver() (*credproc.Resolver, error) {
	c, err := a.openCache()
	if err != nil {
		return nil, err
	}
	return &credproc.Resolver{
		Cache: c, Getenv: os.Getenv, Now: time.Now, Warnf: a.warn, Tracef: a.trace, Version: version(), Stderr: a.stderr,
		BeforeWait: a.heedSignals, TokenCodes: a.tokenCodes(a.prompt, a.warn),
	}, nil
}

func (a *app) tokenCodes(mode mfa.Mode, warnf func(format string, args ...any)) credproc.TokenCodes {
	return quietly{&mfa.Asker{
		Mode: mode, Dir: a.stateDir(), Getenv: os.Getenv, Now: time.Now, Seeds: a.seeds(), Stderr: a.stderr, Warnf: warnf, Tracef: a.trace,
	}, a}
}

// chain resolves a profile, and gives what turns its chain into credentials.
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

// version gives the version that the build info records.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(devel)"
	}
	return info.Main.Version
}

// command makes a cobra command out of a function that does its work. Its deadline is that of --timeout.
func (a *app) command(use, short, long, example string, args cobra.PositionalArgs, do func(ctx context.Context, args []string) error) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Long: long, Example: example, Args: args,
		ValidArgsFunction: a.completeProfiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			if cmd.Name() != "get" { // which heeds them where it has to wait, see resolver
				a.heedSignals()
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), a.timeout)
			defer cancel()
			a.watchdog = time.AfterFunc(a.timeout+grace, func() { a.isOverdue("no end within the time allowed, " + a.timeout.String()) })
			defer a.watchdog.Stop()
			if err := do(ctx, args); err != nil {
				return failure{err}
			}
			return nil
		},
	}
}
