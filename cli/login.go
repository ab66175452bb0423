package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"aws-credproc/credproc"
	"aws-credproc/credproc/signin"
	"aws-credproc/internal/diag"
	"aws-credproc/internal/nearest"
	"aws-credproc/internal/tui"
	"aws-credproc/profiles"
)

// login is one run of the command.
type login struct {
	signer
	session ssoSessionFlags
}

// ssoSessionFlags name an [sso-session] section, or describe one to be added.
type ssoSessionFlags struct{ name, startURL, region string }

func newLoginCmd(a *app) *cobra.Command {
	l := &login{signer: signer{app: a}}
	var cmd *cobra.Command
	cmd = &cobra.Command{
		Use:   "login [PROFILE | --sso-session NAME]",
		Short: "Sign in to IAM Identity Center",
		Long: `Signs in to the SSO session of a profile, or to the named one. Without either, the
only SSO session in the config is used. The AWS CLI, the AWS SDKs and aws-credproc
share the sign-in: the token is stored in ~/.aws/sso/cache, as "aws sso login" does.

It opens a browser and waits up to 10 minutes. With --use-device-code, you confirm a
code in a browser on any device. It does so by itself where there is no display, and
for profiles that have sso_start_url instead of sso_session.

With --sso-start-url and --sso-region, it adds the [sso-session NAME] section to the
config file. For a profile with login_session, it runs "aws login".`,
		Example: `  aws-credproc login --sso-session corp
  aws-credproc login dev-sso
  aws-credproc login --sso-session corp --sso-region eu-west-1 --sso-start-url https://corp.awsapps.com/start`,
		Args:              func(_ *cobra.Command, args []string) error { return l.checkUsage(args) },
		ValidArgsFunction: completeProfiles,
		RunE: a.runE(func(_ context.Context, args []string) error {
			defer a.pauseWatchdog()() // the user needs time in the browser
			return l.run(cmd.Context(), strings.Join(args, ""))
		}),
	}
	flags := cmd.Flags()
	l.session.add(cmd)
	flags.BoolVar(&l.deviceCode, "use-device-code", false,
		"confirm a code in a browser on any device")
	flags.BoolVar(&l.noBrowser, "no-browser", false, "print the URL and open no browser")
	return cmd
}

// add adds the flags to a command.
func (s *ssoSessionFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&s.name, "sso-session", "", "`NAME` of the [sso-session] section")
	flags.StringVar(&s.startURL, "sso-start-url", "", "start URL of a new section")
	flags.StringVar(&s.region, "sso-region", "", "region of a new section")
	completeFlagFunc(cmd, "sso-session", completeSSOSessions)
	completeFlag(cmd, "sso-start-url")
	completeFlag(cmd, "sso-region")
}

// completeSSOSessions completes the names of the [sso-session] sections.
func completeSSOSessions(
	*cobra.Command, []string, string,
) ([]string, cobra.ShellCompDirective) {
	f, err := profiles.Load(profiles.Paths(os.Getenv))
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	return f.SSOSessionNames(), cobra.ShellCompDirectiveNoFileComp
}

// check returns what is wrong with the combination of flags.
func (s *ssoSessionFlags) check() error {
	switch {
	case s.startURL == "" && s.region == "":
		return nil
	case s.name == "":
		return errors.New("--sso-start-url and --sso-region require --sso-session")
	case s.startURL == "" || s.region == "":
		return errors.New("--sso-start-url and --sso-region must be used together")
	}
	return checkRegionName(s.region)
}

func (l *login) checkUsage(args []string) error {
	switch {
	case len(args) > 1:
		return fmt.Errorf("expected 1 profile, got %d", len(args))
	case len(args) > 0 && l.session.name != "":
		return errors.New("--sso-session cannot be combined with a profile")
	}
	if err := l.session.check(); err != nil {
		return err
	}
	return notEmpty(args)
}

func (l *login) run(ctx context.Context, profile string) error {
	if err := checkOwner(); err != nil { // the user could not read the token
		if e := (*diag.Error)(nil); errors.As(err, &e) {
			e.Hint, _, _ = strings.Cut(e.Hint, ";") // there is no --as-root
		}
		return err
	}
	f, err := l.files()
	if err != nil {
		return err
	}
	if l.session.startURL != "" {
		if f, err = l.session.write(ctx, l.app); err != nil {
			return err
		}
	}
	if profile != "" {
		if c, err := f.Chain(profile); err == nil && c.Source.Type == profiles.Login {
			return awsLogin(ctx, l.app, c)
		}
	}
	to, err := signInTarget(f, profile, l.session.name)
	if err != nil {
		return err
	}
	r, err := l.resolver()
	if err != nil {
		return err
	}
	expires, err := l.signIn(ctx, r, to)
	if err != nil {
		return err
	}
	return l.printf("%s: signed in for %s\n", to.session, tui.TimeLeft(expires, time.Now()))
}

// write adds the section to the config file, unless it is there with the same settings, and returns
// the files.
func (s *ssoSessionFlags) write(ctx context.Context, a *app) (*profiles.Files, error) {
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	config, credentials := profiles.Paths(os.Getenv)
	var added bool
	_, err := profiles.Update(ctx, config, credentials, func(e *profiles.Editor) (err error) {
		added, err = s.edit(e)
		return err
	})
	if err != nil {
		return nil, err
	}
	if added {
		a.say("added [sso-session %s] to %s", s.name, config)
	}
	return a.files()
}

// edit adds the section, unless it is there with the same settings.
func (s *ssoSessionFlags) edit(e *profiles.Editor) (added bool, err error) {
	section, ok, err := e.Files().SSOSession(s.name)
	switch {
	case err != nil:
		return false, err
	case !ok:
		return true, e.AddSSOSession(s.name,
			profiles.Setting{Key: "sso_start_url", Value: s.startURL},
			profiles.Setting{Key: "sso_region", Value: s.region},
			profiles.Setting{Key: "sso_registration_scopes", Value: "sso:account:access"})
	case section.Get("sso_start_url") != s.startURL || section.Get("sso_region") != s.region:
		return false, &diag.Error{
			Profile: "sso-session " + s.name,
			Problem: "the section exists and has another sso_start_url or sso_region",
			Hint:    "omit --sso-start-url and --sso-region, or use another name",
		}
	}
	return false, nil
}

// target is what to sign in to, and the settings of the connection.
type target struct {
	session           signin.Session
	profile, services profiles.Section
}

// signInTarget returns the target of a profile, of a session, or else of the only session.
func signInTarget(f *profiles.Files, profile, session string) (target, error) {
	if profile != "" {
		return targetOfProfile(f, profile)
	}
	if session == "" {
		switch names := f.SSOSessionNames(); len(names) {
		case 0:
			return target{}, &diag.Error{
				Problem: "there is no [sso-session] section in the config file",
				Hint: "aws-credproc login --sso-session NAME --sso-start-url URL --sso-region REGION " +
					"adds one",
			}
		case 1:
			session = names[0]
		default:
			return target{}, &diag.Error{
				Problem: "there are several SSO sessions: " + strings.Join(names, ", "),
				Hint:    "name one with --sso-session",
			}
		}
	}
	return targetOfSession(f, session)
}

// targetOfSession returns the target of an [sso-session] section. As in the AWS CLI, the settings of
// the connection are those of the default profile.
func targetOfSession(f *profiles.Files, name string) (target, error) {
	to := target{}
	section, ok, err := f.SSOSession(name)
	switch {
	case err != nil:
		return target{}, err
	case !ok:
		e := &diag.Error{
			Problem: "there is no [sso-session " + name + "] in the config file",
			Hint:    "add --sso-start-url and --sso-region to create it",
		}
		if near := nearest.Name(name, f.SSOSessionNames()); near != "" {
			e.Hint = "did you mean " + near + "?"
		}
		return target{}, e
	}
	if c, err := f.Chain("default"); err == nil {
		to.profile, to.services = c.Profile, c.Services
	} else if p, err := f.Profile("default"); err == nil {
		to.profile = p
	}
	if to.session, err = signin.FromSection(section); err != nil {
		return target{}, &diag.Error{Profile: "sso-session " + name, Err: err,
			Hint: "correct [sso-session " + name + "]"}
	}
	return to, nil
}

// targetOfProfile returns the target of the source of a profile's chain. The profile may have a
// sign-in only.
func targetOfProfile(f *profiles.Files, name string) (target, error) {
	c, err := f.Chain(name)
	if err != nil {
		p, profileErr := f.Profile(name)
		if profileErr != nil || p.Get("sso_session") == "" {
			return target{}, err
		}
		to, err := targetOfSession(f, p.Get("sso_session"))
		to.profile, to.services = p, profiles.Section{}
		return to, err
	}
	if c.Source.Type != profiles.SSO {
		return target{}, &diag.Error{
			Profile: name,
			Problem: "the profile does not sign in to IAM Identity Center",
			Hint: "aws-credproc explain " + profiles.Argument(name) +
				" shows where its credentials come from",
		}
	}
	return targetOfChain(f, c)
}

// targetOfChain returns the target of a chain with an SSO source.
func targetOfChain(f *profiles.Files, c profiles.Chain) (to target, err error) {
	if c.Source.SSOSession != "" {
		to, err = targetOfSession(f, c.Source.SSOSession)
	} else if to.session, err = signin.FromSource(c.Source); err != nil {
		err = &diag.Error{Profile: c.Source.Profile, Err: err,
			Hint: "correct [profile " + c.Source.Profile + "]"}
	}
	to.profile, to.services = c.SourceProfile, c.SourceServices
	return to, err
}

// newSignIn returns the sign-in of a target.
func (t target) newSignIn(a *app, r *credproc.Resolver) (*credproc.SignIn, error) {
	return r.NewSignIn(t.session, t.profile, t.services, a.timeout)
}
