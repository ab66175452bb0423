package cli

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"aws-credproc/cache"
	"aws-credproc/cache/keyring"
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
	start        time.Time // failures before it are not shared
	deadline     time.Time // of --timeout
	until        time.Time // end of --wait, which all profiles share
	signedIn     []string  // commands of the sign-ins that were tried
}

func newRefreshCmd(a *app) *cobra.Command {
	r := refresh{app: a}
	var cmd *cobra.Command
	cmd = &cobra.Command{
		Use:   "refresh PROFILE... | --all",
		Short: "Get new sessions now",
		Long: `Assumes the role of each profile and caches the new session, even if the cached
session is still valid. If that fails, the cached session is kept.

At a terminal, it signs in to IAM Identity Center if a sign-in has expired, as
"aws-credproc login" does.
If the keyring is locked, its own prompt may appear for up to a minute.

A new role or policy takes some seconds to take effect everywhere in AWS. With --wait,
it retries for up to the given time while access is denied.`,
		Example: `  aws-credproc refresh dev-role
  aws-credproc refresh --mfa dev-role
  aws-credproc refresh --wait 60s dev-role
  aws-credproc refresh --all`,
		Args:              profilesOrAll(&r.all, nil),
		ValidArgsFunction: completeProfiles,
		PreRunE: func(*cobra.Command, []string) error {
			if r.wait < 0 {
				return errors.New("--wait: must not be less than 0")
			}
			a.timeout += r.wait
			return nil
		},
		RunE: a.runE(func(_ context.Context, args []string) error {
			return r.run(cmd.Context(), args)
		}),
	}
	flags := cmd.Flags()
	flags.BoolVar(&r.newCode, "mfa", false, "ask for a new MFA code")
	flags.Var((*durationFlag)(&r.wait), "wait", "retry for up to this time while access is denied")
	flags.BoolVar(&r.all, "all", false, "every profile whose credentials expire")
	return cmd
}

// run refreshes the profiles. ctx has no deadline: see startTimer.
func (r *refresh) run(ctx context.Context, args []string) error {
	f, err := r.files()
	if err != nil {
		return err
	}
	r.start = time.Now()
	var locked error
	if r.store == cache.Auto || r.store == cache.Keyring || haveImportedKeys(f, args, r.all) {
		if locked, err = unlockKeyring(ctx, r.app); err != nil {
			return err
		}
		if err := cache.ForgetRefusal(r.stateDir()); err != nil {
			r.trace("%v", err) // the refusal still counts, or the error is one of the cache
		}
	}
	r.startTimer()
	err = forEach(ctx, r.app, f, args, r.all, r.refresh)
	if locked != nil && !errors.Is(err, keyring.ErrLocked) { // else the error says it
		r.warn("cannot use the keyring: %v", locked)
	}
	return err
}

// haveImportedKeys reports whether the keyring has the access key of one of the profiles.
func haveImportedKeys(f *profiles.Files, names []string, all bool) bool {
	if all {
		names = f.Names()
	}
	return slices.ContainsFunc(names, func(name string) bool {
		c, err := f.Chain(name)
		return err == nil && c.Source.Type == profiles.Keyring
	})
}

// startTimer starts --timeout and --wait: at the start, and again after a sign-in, which takes as
// long as the user needs.
func (r *refresh) startTimer() {
	r.deadline = time.Now().Add(r.timeout)
	r.until = time.Now().Add(r.wait)
}

// refresh refreshes the session of a chain and prints the result.
func (r *refresh) refresh(
	ctx context.Context, resolver *credproc.Resolver, chain profiles.Chain,
) error {
	name := chain.Profile.Name
	if _, cached, err := resolver.Key(chain); err != nil {
		return err
	} else if !cached {
		return r.printf("%s: static keys, nothing to refresh\n", name)
	}
	olderKept := false
	resolver.OlderKept = func() { olderKept = true }
	s, err := r.retryDenied(ctx, resolver, chain)
	if command := credproc.SignInCommand(err); command != nil && command[0] == "aws" {
		if why := oldAWSCLI(ctx, command); why != "" {
			return withoutSignIn(err, why, command)
		}
	}
	if r.signIn(ctx, resolver, chain, err) {
		r.start = time.Now()
		s, err = r.retryDenied(ctx, resolver, chain)
	}
	if err != nil {
		return err
	}
	now := time.Now()
	switch {
	case olderKept:
		return &diag.Error{
			Profile: name,
			Problem: "a new session was obtained, but it could not be cached; the older one is still used",
		}
	case s.Expiration.IsZero(): // a credential_process without an expiration
		return r.printf("%s: the credentials do not expire, so they are not cached\n", name)
	case !s.Expiration.After(now):
		return r.printf("%s: refreshed, but expired by this machine's clock\n", name)
	}
	return r.printf("%s: refreshed, valid for %s\n", name, tui.TimeLeft(s.Expiration, now))
}

// The delay before a retry of --wait, which doubles.
const (
	minRetryDelay = time.Second
	maxRetryDelay = 5 * time.Second
)

// retryDenied obtains a new session, and retries for the duration of --wait while STS denies
// access.
func (r *refresh) retryDenied(
	ctx context.Context, resolver *credproc.Resolver, chain profiles.Chain,
) (cache.Session, error) {
	ctx, cancel := context.WithDeadline(ctx, r.deadline)
	defer cancel()
	since := r.start
	for delay := minRetryDelay; ; delay = min(2*delay, maxRetryDelay) {
		s, err := resolver.Refresh(ctx, chain, since, r.newCode)
		if !diag.Has(err, diag.Denied) || time.Now().Add(delay).After(r.until) {
			return s, err
		}
		r.trace("%v; retrying in %s", err, delay)
		stop := r.progress(chain.Profile.Name + ": access denied; retrying until " +
			r.until.Format(time.TimeOnly))
		select {
		case <-time.After(delay):
		case <-ctx.Done():
		}
		stop()
		since = time.Now()
	}
}

// signIn signs in if the failure of a chain requires that and there is a terminal, and reports
// whether that has succeeded. It does so once for all profiles of a sign-in.
func (r *refresh) signIn(
	ctx context.Context, resolver *credproc.Resolver, chain profiles.Chain, failed error,
) bool {
	command := strings.Join(credproc.SignInCommand(failed), " ")
	canAsk := r.prompt == mfa.Auto || r.prompt == mfa.TTY
	if command == "" || !canAsk || !terminal.IsAvailable() || slices.Contains(r.signedIn, command) {
		return false
	}
	var e *diag.Error
	if !errors.As(failed, &e) {
		return false
	}
	r.signedIn = append(r.signedIn, command)
	r.say("%s: %s", e.Profile, e.What())
	defer r.pauseWatchdog()()
	defer r.startTimer() // for the following profiles too
	if err := r.login(ctx, resolver, chain); err != nil {
		r.report(err)
		return false
	}
	return true
}

// login signs in to the source of a chain.
func (r *refresh) login(
	ctx context.Context, resolver *credproc.Resolver, chain profiles.Chain,
) error {
	if chain.Source.Type == profiles.Login {
		return awsLogin(ctx, r.app, chain)
	}
	f, err := r.files()
	if err != nil {
		return err
	}
	to, err := targetOfChain(f, chain)
	if err != nil {
		return err
	}
	_, err = signer{app: r.app}.signIn(ctx, resolver, to)
	return err
}
