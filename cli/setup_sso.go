package cli

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/spf13/cobra"

	"aws-credproc/credproc/mfa"
	"aws-credproc/credproc/signin"
	"aws-credproc/internal/diag"
	"aws-credproc/internal/terminal"
	"aws-credproc/internal/tui"
	"aws-credproc/profiles"
)

// ssoSetup makes the profiles of an SSO session.
type ssoSetup struct {
	session             ssoSessionFlags
	name, role, account string // flags
	prune, undo         bool
	region              string

	roles []profiles.SSORole // that the user has
}

// defaultProfileName is the default of --name.
const defaultProfileName = "{account_name}-{role}"

// profileNameParts are the placeholders of --name.
var profileNameParts = []string{"{account_name}", "{account_id}", "{role}"}

func (s *ssoSetup) addFlags(cmd *cobra.Command) {
	s.session.add(cmd)
	flags := cmd.Flags()
	flags.StringVar(&s.name, "name", defaultProfileName, "with --sso-session: `TEMPLATE` of the "+
		"new profiles' names, with {account_name}, {account_id} and {role}")
	flags.StringVar(&s.role, "role", "", "with --sso-session: only roles that match this `GLOB`")
	flags.StringVar(&s.account, "account", "", "with --sso-session: only accounts whose name or ID "+
		"matches this `GLOB`")
	flags.BoolVar(&s.prune, "prune", false, "with --sso-session: remove the profiles of roles that "+
		"are gone")
	for _, name := range []string{"name", "role", "account"} {
		completeFlag(cmd, name)
	}
}

// isUsed reports whether profiles of an SSO session are to be made.
func (s *ssoSetup) isUsed() bool { return s.session.name != "" }

// checkUsage checks the flags. settings are those of a profile to be created.
func (s *ssoSetup) checkUsage(
	args []string, undo, all bool, settings []profiles.Setting,
) error {
	if !s.isUsed() {
		if s.prune || s.role != "" || s.account != "" || s.name != defaultProfileName {
			return errors.New("--name, --role, --account and --prune require --sso-session")
		}
		return s.session.check()
	}
	for _, setting := range settings {
		if setting.Key != "region" {
			return fmt.Errorf("--sso-session cannot be combined with --%s",
				strings.ReplaceAll(setting.Key, "_", "-"))
		}
		if err := checkSetting(setting); err != nil {
			return err
		}
		s.region = setting.Value
	}
	switch {
	case len(args) > 0:
		return errors.New("--sso-session cannot be combined with profiles")
	case all:
		return errors.New("--sso-session cannot be combined with --all")
	case undo && s.session.startURL != "":
		return errors.New("--undo cannot be combined with --sso-start-url")
	}
	s.undo = undo
	rest := s.name
	for _, part := range profileNameParts {
		rest = strings.ReplaceAll(rest, part, "")
	}
	if rest == s.name || strings.ContainsAny(rest, "{}") {
		return fmt.Errorf("--name %q: use the placeholders %s", s.name,
			strings.Join(profileNameParts, ", "))
	}
	for _, glob := range []string{s.role, s.account} {
		if _, err := path.Match(glob, ""); err != nil {
			return fmt.Errorf("%q is not a valid pattern", glob)
		}
	}
	return s.session.check()
}

// fetch asks IAM Identity Center for the roles of the user. At a terminal, it signs in if
// necessary.
func (s *ssoSetup) fetch(ctx context.Context, a *app, f *profiles.Files) error {
	to, err := s.target(f)
	if err != nil {
		return err
	}
	r, err := a.resolver()
	if err != nil {
		return err
	}
	in, err := to.newSignIn(a, r)
	if err != nil {
		return err
	}
	defer a.pauseWatchdog()() // each call has its own time limit
	var done, all atomic.Int64
	stop := a.waiting.Start(func() string {
		return fmt.Sprintf("%d of %d accounts listed", done.Load(), all.Load())
	})
	defer func() { stop() }()
	progress := func(n, of int) { done.Store(int64(n)); all.Store(int64(of)) }
	roles, err := in.Roles(ctx, progress)
	if diag.Has(err, diag.NeedsUser) {
		if !canAskAtTerminal(a) {
			return s.withSectionFlags(err)
		}
		stop()
		a.report(errors.New(err.Error()))
		if _, err := (signer{app: a}).signIn(ctx, r, to); err != nil {
			return err
		}
		stop = a.progress("listing accounts and roles")
		roles, err = in.Roles(ctx, progress)
	}
	if err != nil {
		return err
	}
	for _, role := range roles {
		s.roles = append(s.roles, profiles.SSORole(role))
	}
	return nil
}

// canAskAtTerminal reports whether the user can be asked to sign in.
func canAskAtTerminal(a *app) bool {
	return (a.prompt == mfa.Auto || a.prompt == mfa.TTY) && terminal.IsAvailable()
}

// withSectionFlags adds the flags that describe the section to the hint, since it is not in the
// file yet.
func (s *ssoSetup) withSectionFlags(err error) error {
	var e *diag.Error
	if s.session.startURL == "" || !errors.As(err, &e) {
		return err
	}
	changed := *e
	changed.Hint += " --sso-start-url " + s.session.startURL + " --sso-region " + s.session.region
	return &changed
}

// target returns the target of the session, which need not be in the file yet.
func (s *ssoSetup) target(f *profiles.Files) (target, error) {
	if s.session.startURL == "" {
		return targetOfSession(f, s.session.name)
	}
	section := profiles.Section{Name: s.session.name, Properties: map[string]profiles.Property{
		"sso_start_url": {Value: s.session.startURL}, "sso_region": {Value: s.session.region},
	}}
	session, err := signin.FromSection(section)
	if err != nil {
		return target{}, &diag.Error{Profile: "sso-session " + s.session.name, Err: err}
	}
	return target{session: session}, nil
}

// edit adds the section, and the profiles that are missing, and returns a report.
func (s *ssoSetup) edit(e *profiles.Editor, helper string) (report string, err error) {
	if s.undo {
		return undoSSO(e, s.session.name)
	}
	var b strings.Builder
	if s.session.startURL != "" {
		added, err := s.session.edit(e)
		if err != nil {
			return "", err
		}
		if added {
			fmt.Fprintf(&b, "sso-session %s: added\n", s.session.name)
		}
	}
	change, err := e.SyncSSO(profiles.SSOSync{
		Session: s.session.name, Roles: s.roles, Wanted: s.isWanted, Name: s.profileName,
		Region: s.region, Helper: helper, Prune: s.prune,
	})
	if err != nil {
		return "", err
	}
	for _, name := range change.Added {
		fmt.Fprintf(&b, "%s: added\n", name)
	}
	text := "gone; --prune removes it"
	if change.Removed {
		text = "removed; the role is gone"
	}
	for _, name := range change.Gone {
		fmt.Fprintf(&b, "%s: %s\n", name, text)
	}
	fmt.Fprintf(&b, "%s: %d %s added, %d kept, %d gone\n", s.session.name, len(change.Added),
		tui.Plural(len(change.Added), "profile"), change.Kept, len(change.Gone))
	return b.String(), nil
}

// undoSSO removes the profiles that setup has added for an SSO session, and returns a report.
func undoSSO(e *profiles.Editor, session string) (report string, err error) {
	change, err := e.SyncSSO(profiles.SSOSync{Session: session, Prune: true})
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for _, name := range change.Gone {
		fmt.Fprintf(&b, "%s: removed\n", name)
	}
	fmt.Fprintf(&b, "%s: %d %s removed\n", session, len(change.Gone),
		tui.Plural(len(change.Gone), "profile"))
	return b.String(), nil
}

// isWanted reports whether a role matches the flags.
func (s *ssoSetup) isWanted(r profiles.SSORole) bool {
	matches := func(glob string, texts ...string) bool {
		return glob == "" || slices.ContainsFunc(texts, func(text string) bool {
			ok, err := path.Match(glob, text)
			return err == nil && ok
		})
	}
	return matches(s.role, r.Name) && matches(s.account, r.AccountName, r.AccountID)
}

// profileName returns the name of a role's profile.
func (s *ssoSetup) profileName(r profiles.SSORole) string {
	name := r.AccountName
	if name == "" {
		name = r.AccountID
	}
	return strings.NewReplacer("{account_name}", name, "{account_id}", r.AccountID,
		"{role}", r.Name).Replace(s.name)
}
