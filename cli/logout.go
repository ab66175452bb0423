package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"aws-credproc/cache"
	"aws-credproc/credproc"
	"aws-credproc/credproc/signin"
	"aws-credproc/internal/tui"
	"aws-credproc/profiles"
)

func newLogoutCmd(a *app) *cobra.Command {
	var all bool
	var session string
	cmd := &cobra.Command{
		Use:   "logout [--sso-session NAME | --all]",
		Short: "Sign out of IAM Identity Center",
		Long: `Ends the sign-in at the AWS access portal, deletes its token, and deletes the cached
sessions that were obtained with it. The AWS CLI and the AWS SDKs use the same token,
so they are signed out too. Without --sso-session, the only SSO session in the config
is used. --all signs out of every SSO session, including those of "aws sso login".`,
		Example: `  aws-credproc logout --sso-session corp
  aws-credproc logout --all`,
		Args: func(_ *cobra.Command, args []string) error {
			if all && session != "" {
				return errors.New("--all cannot be combined with --sso-session")
			}
			return noArguments(nil, args)
		},
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: a.runE(func(ctx context.Context, _ []string) error {
			l := logout{app: a}
			return l.run(ctx, session, all)
		}),
	}
	cmd.Flags().StringVar(&session, "sso-session", "", "`NAME` of the [sso-session] section")
	cmd.Flags().BoolVar(&all, "all", false, "every SSO session")
	completeFlagFunc(cmd, "sso-session", completeSSOSessions)
	return cmd
}

// logout is one run of the command.
type logout struct {
	*app
	files    *profiles.Files
	resolver *credproc.Resolver
}

func (l *logout) run(ctx context.Context, session string, all bool) (err error) {
	if l.files, err = l.app.files(); err != nil {
		return err
	}
	if l.resolver, err = l.app.resolver(); err != nil {
		return err
	}
	if l.resolver.Cache, err = l.openCacheQuietly(); err != nil {
		return err
	}
	if !all {
		to, err := signInTarget(l.files, "", session)
		if err != nil {
			return err
		}
		return l.signOut(ctx, to)
	}
	targets := l.targets()
	known := make([]signin.Session, len(targets))
	for i, to := range targets {
		known[i] = to.session
	}
	signedIn, err := signin.SignedIn(known)
	if err != nil {
		return err
	}
	for _, s := range signedIn {
		if !hasSession(targets, s) {
			targets = append(targets, target{session: s})
		}
	}
	var failed error
	for _, to := range targets {
		if err := l.signOut(ctx, to); err != nil {
			l.report(err)
			failed = errPrinted
		}
	}
	return failed
}

// hasSession reports whether one of the targets has the token file of s.
func hasSession(targets []target, s signin.Session) bool {
	path, err := s.Path()
	return slices.ContainsFunc(targets, func(to target) bool {
		other, otherErr := to.session.Path()
		return err == nil && otherErr == nil && path == other
	})
}

// targets returns what the profiles and sections of the config files sign in to, each once.
func (l *logout) targets() (targets []target) {
	add := func(to target, err error) {
		switch {
		case err != nil:
			l.trace("%v", err)
		case !hasSession(targets, to.session):
			targets = append(targets, to)
		}
	}
	for _, name := range l.files.SSOSessionNames() {
		add(targetOfSession(l.files, name))
	}
	for _, c := range l.chains() {
		add(targetOfChain(l.files, c))
	}
	return targets
}

// chains returns the chains that start with IAM Identity Center.
func (l *logout) chains() (chains []profiles.Chain) {
	for _, name := range l.files.Names() {
		if c, err := l.files.Chain(name); err == nil && c.Source.Type == profiles.SSO {
			chains = append(chains, c)
		}
	}
	return chains
}

// signOut signs out of a target and deletes the sessions that were obtained with it.
func (l *logout) signOut(ctx context.Context, to target) error {
	in, err := to.newSignIn(l.app, l.resolver)
	if err != nil {
		return err
	}
	// The sessions are deleted even if the portal cannot be reached.
	n, clearErr := l.clear(ctx, to.session)
	signedIn, err := in.Logout(ctx)
	if err := errors.Join(err, clearErr); err != nil {
		return err
	}
	text := "signed out"
	if !signedIn {
		text = "not signed in"
	}
	if n > 0 {
		text += fmt.Sprintf("; %d cached %s deleted", n, tui.Plural(n, "session"))
	}
	return l.printf("%s: %s\n", to.session, text)
}

// clear deletes the sessions of the profiles that sign in to s.
func (l *logout) clear(ctx context.Context, s signin.Session) (n int, err error) {
	facts, err := l.resolver.Cache.Facts()
	if err != nil {
		return 0, err
	}
	stored := map[cache.Key]bool{}
	byProfile := map[string][]cache.Key{}
	for _, f := range facts {
		stored[f.Key] = f.Store != ""
		byProfile[f.Profile] = append(byProfile[f.Profile], f.Key)
	}
	keys := map[cache.Key]bool{}
	for _, c := range l.chains() {
		if c.Source.SSOSession != s.Name || s.Name == "" && c.Source.SSOStartURL != s.StartURL {
			continue
		}
		if key, cached, err := l.resolver.Key(c); err == nil && cached {
			keys[key] = true
		}
		names := []string{c.Source.Profile}
		for _, hop := range c.Hops {
			names = append(names, hop.Profile)
		}
		for _, name := range names {
			for _, key := range byProfile[name] {
				keys[key] = true
			}
		}
	}
	for key := range keys {
		if deleteErr := l.resolver.Cache.Delete(ctx, key); deleteErr != nil {
			err = deleteErr
		} else if stored[key] {
			n++
		}
	}
	return n, err
}
