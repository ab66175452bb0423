package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"aws-credproc/cache"
	"aws-credproc/credproc"
	"aws-credproc/credproc/mfa"
	"aws-credproc/internal/diag"
	"aws-credproc/internal/terminal"
	"aws-credproc/internal/tui"
	"aws-credproc/profiles"
)

// refresh is one run of the command.
type refresh struct {
	*app
	all, newCode bool
	wait         time.Duration
	start        time.Time  // sessions that are older are renewed
	deadline     time.Time  // of --timeout
	until        time.Time  // end of --wait, which all profiles share
	signedIn     [][]string // commands that have run
}

// startTimer starts --timeout and --wait: at the start, and again after a sign-in, which takes as long
// as the user needs.
func (r *refresh) startTimer() {
	r.deadline = time.Now().Add(r.timeout)
	r.until = time.Now().Add(r.wait)
}

// takesKeys reports whether one of these profiles, or of all, has its long-term keys in the keyring.
func takesKeys(f *profiles.Files, names []string, all bool) bool {
	if all {
		names = f.Names()
	}
	return slices.ContainsFunc(names, func(name string) bool {
		c, err := f.Chain(name) // an error is told when it is its turn
		return err == nil && c.Source.Type == profiles.Keyring
	})
}

func newRefreshCmd(a *app) *cobra.Command {
	r := refresh{app: a}
	var cmd *cobra.Command
	cmd = &cobra.Command{
		Use:   "refresh PROFILE... | --all",
		Short: "assume roles anew now, whatever is cached",
		Long: `Assumes the role of each profile anew and keeps the new session. Where that fails, the old session stays as it is.

Where the sign-in through SSO is over, and a person is there, "aws sso login" is run for it. Where the keyring is locked,
it may ask for its password, for which a minute is waited.

A role or a policy that was made a moment ago is denied for some seconds, until all of AWS knows it: --wait tries again
until then, for so long in all.`,
		Example:           "  aws-credproc refresh dev-role\n  aws-credproc refresh --mfa dev-role\n  aws-credproc refresh --wait 60s dev-role\n  aws-credproc refresh --all",
		ValidArgsFunction: completeProfiles,
		RunE: a.runE(func(_ context.Context, args []string) error {
			f, err := a.files()
			if err != nil {
				return err
			}
			r.start = time.Now()
			var stays error
			if a.store == cache.Auto || a.store == cache.Keyring || takesKeys(f, args, r.all) {
				if stays, err = unlockKeyring(cmd.Context(), a); err != nil {
					return err
				}
			}
			r.startTimer()
			err = forEach(cmd.Context(), a, f, args, r.all, r.do)
			if stays != nil && !errors.Is(err, cache.ErrLocked) { // else that was said
				a.warn("the keyring stays as it is: %v", stays)
			}
			return err
		}),
	}
	cmd.Args = profilesOrAll(&r.all)
	cmd.PreRunE = func(*cobra.Command, []string) error {
		if r.wait < 0 {
			return errors.New("--wait: must not be less than 0")
		}
		a.timeout += r.wait // which is the deadline of the command
		return nil
	}
	cmd.Flags().BoolVar(&r.newCode, "mfa", false, "ask for a new code, although the session of the last one is good")
	cmd.Flags().Var((*durationFlag)(&r.wait), "wait", "try again for so long while STS denies, such as 60s")
	cmd.Flags().BoolVar(&r.all, "all", false, "every profile whose credentials expire, cached or not")
	return cmd
}

func (r *refresh) do(ctx context.Context, resolver *credproc.Resolver, chain profiles.Chain) error {
	name := chain.Profile.Name
	if _, cached, err := resolver.Key(chain); err != nil {
		return err
	} else if !cached {
		return r.print(fmt.Appendf(nil, "%s: its keys do not expire, so there is nothing to refresh\n", name))
	}
	s, err := r.untilAllowed(ctx, resolver, chain)
	if r.signIn(ctx, err) {
		r.start = time.Now()
		s, err = r.untilAllowed(ctx, resolver, chain)
	}
	if err != nil {
		return err
	}
	if s.Expiration.IsZero() { // a command gave them, and did not say that they expire
		return r.print(fmt.Appendf(nil, "%s: its credentials do not expire, so they are not kept\n", name))
	}
	now := time.Now()
	if !s.Expiration.After(now) {
		return r.print(fmt.Appendf(nil, "%s: refreshed, but over already by this machine's clock\n", name))
	}
	return r.print(fmt.Appendf(nil, "%s: refreshed, good for %s\n", name, tui.Left(s.Expiration, now)))
}

// The time between two tries of --wait, which doubles from the first.
const (
	firstDelay = time.Second
	mostDelay  = 5 * time.Second
)

// untilAllowed refreshes, again and again while STS denies and --wait is not over.
func (r *refresh) untilAllowed(ctx context.Context, resolver *credproc.Resolver, chain profiles.Chain) (cache.Session, error) {
	ctx, cancel := context.WithDeadline(ctx, r.deadline)
	defer cancel()
	since := r.start
	for delay := firstDelay; ; delay = min(2*delay, mostDelay) {
		s, err := resolver.Refresh(ctx, chain, since, r.newCode)
		var e *diag.Error
		if !errors.As(err, &e) || !e.Has(diag.Denied) || time.Now().Add(delay).After(r.until) {
			return s, err
		}
		r.trace("%v; trying again in %s", err, delay)
		stop := r.progress(chain.Profile.Name + ": denied; trying again until " +
			r.until.Format(time.TimeOnly))
		select {
		case <-time.After(delay):
		case <-ctx.Done():
		}
		stop()
		since = time.Now()
	}
}

// signIn runs the command by which a person signs in, where that is what was wanting and a person is there; once, for
// all profiles of one sign-in. It takes as long as they need. What it prints is for them, so none of it goes to stdout.
func (r *refresh) signIn(ctx context.Context, failed error) bool {
	var e *diag.Error
	command := credproc.SignInCommand(failed)
	if !errors.As(failed, &e) || command == nil || r.prompt != mfa.Auto && r.prompt != mfa.TTY || !terminal.IsAvailable() {
		return false
	}
	if slices.ContainsFunc(r.signedIn, func(c []string) bool { return slices.Equal(c, command) }) {
		return false
	}
	r.signedIn = append(r.signedIn, command)
	line := strings.Join(command, " ")
	r.say("%s: %v; running %s", e.Profile, e.Err, line)
	defer r.pauseWatchdog()()
	defer r.startTimer() // also for the profiles after this one
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, r.stderr, r.stderr
	if err := cmd.Run(); err != nil {
		r.say("%s: %s: %v", e.Profile, line, err)
		return false
	}
	return true
}
