package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"aws-credproc/cli/doctor"
	"aws-credproc/credproc/plan"
	"aws-credproc/profiles"
)

// setup is one run of the command.
type setup struct {
	*app
	names             []string
	undo, dryRun, yes bool
	all               bool
	guided            bool               // without arguments, at a terminal
	wired             []string           // the profiles that editAll has wired
	asRoot            bool               // root edits the files of another user
	settings          []profiles.Setting // of the profile to create, in the order of createFlags
	helper            string             // the path of this program
	sso               ssoSetup
}

// createFlags are the flags with the settings of a new profile, and their usage. A setting's key is
// the name of its flag with underscores.
var createFlags = [][2]string{
	{"role-arn", "create the profile, with this role"},
	{"source-profile", "profile whose credentials assume the role"},
	{"credential-source",
		"instead of a source profile: Environment, Ec2InstanceMetadata or EcsContainer"},
	{"external-id", "external ID that the role's trust policy requires"},
	{"mfa-serial", "ARN or serial number of the MFA device"},
	{"duration-seconds", "lifetime of a session, 900 to 43200"},
	{"role-session-name", "name of the session in CloudTrail"},
	{"region", "AWS Region that tools use with the profile or the new profiles"},
}

func newSetupCmd(a *app) *cobra.Command {
	s := &setup{app: a}
	values := make([]string, len(createFlags))
	var cmd *cobra.Command
	cmd = &cobra.Command{
		Use:   "setup [PROFILE... | --sso-session NAME] [--undo] [--dry-run]",
		Short: "Set up profiles to use aws-credproc",
		Long: `Splits a profile into two. The existing section becomes [profile NAME-role] for a
role, NAME-sso for IAM Identity Center, and NAME-source for a credential_process or
"aws login". A new section [profile NAME] gets the credential_process line and a copy
of the settings that do not concern credentials, such as the region. Tools keep using
NAME. --undo reverses this, and keeps later edits. --all does either for every
profile for which it is possible, and says why it is not for others. Settings that
only granted, aws-vault, aws-sso-cli or awsume read are translated first.

Without arguments, at a terminal, it shows what your config files have, which
profiles it can set up, and what else you can do.

It shows the changes as a diff and asks before it writes them. Nothing else in the
files changes. Before the first change, each file is copied to
NAME.aws-credproc.bak.

With --role-arn and --source-profile (or --credential-source), it creates the profile
first. --undo then removes it.

With --sso-session, it adds a profile for each account and role that you have in IAM
Identity Center. Run again, it adds new ones and shows those that are gone, which
--prune removes. It never changes a section that it did not make. With
--sso-start-url and --sso-region, it adds the [sso-session] section too.`,
		Example: `  aws-credproc setup dev
  aws-credproc setup dev --undo
  aws-credproc setup dev --role-arn arn:aws:iam::123456789012:role/Dev --source-profile base
  aws-credproc setup --sso-session corp --region eu-west-1`,
		Args: func(_ *cobra.Command, args []string) error {
			var err error
			if s.settings, err = settingsOf(values); err != nil {
				return err
			}
			return s.checkUsage(args)
		},
		ValidArgsFunction: completeProfiles,
		RunE: a.runE(func(_ context.Context, args []string) error {
			s.names = args
			return s.run(cmd) // --timeout does not include the time to read the diff
		}),
	}
	flags := cmd.Flags()
	flags.BoolVar(&s.undo, "undo", false, "restore the profiles as they were before setup")
	flags.BoolVar(&s.all, "all", false, "every profile that can be set up or, with --undo, restored")
	flags.BoolVar(&s.dryRun, "dry-run", false, "show the changes and write nothing")
	flags.BoolVar(&s.yes, "yes", false, "do not ask for confirmation")
	flags.BoolVar(&s.asRoot, "as-root", false, asRootUsage)
	s.sso.addFlags(cmd)
	for i, f := range createFlags {
		flags.StringVar(&values[i], f[0], "", f[1])
		switch f[0] {
		case "source-profile":
			completeFlagFunc(cmd, f[0], completeOtherProfiles)
		case "credential-source":
			completeFlag(cmd, f[0], "Environment", "Ec2InstanceMetadata", "EcsContainer")
		default:
			completeFlag(cmd, f[0])
		}
	}
	return cmd
}

// settingsOf returns the values of createFlags as settings.
func settingsOf(values []string) (settings []profiles.Setting, err error) {
	for i, value := range values {
		if value == "" {
			continue
		}
		key := strings.ReplaceAll(createFlags[i][0], "-", "_")
		if key == "duration_seconds" {
			d, err := parseDuration(value)
			if err != nil {
				return nil, fmt.Errorf("--%s %q: %w", createFlags[i][0], value, err)
			}
			value = strconv.Itoa(int(d.Seconds()))
		}
		settings = append(settings, profiles.Setting{Key: key, Value: value})
	}
	return settings, nil
}

func (s *setup) checkUsage(args []string) error {
	if err := s.sso.checkUsage(args, s.undo, s.all, s.settings); err != nil || s.sso.isUsed() {
		return err
	}
	switch {
	case s.all && len(args) > 0:
		return errors.New("--all cannot be combined with profiles")
	case s.all && len(s.settings) > 0:
		return errors.New("--all cannot be combined with settings of a new profile")
	case s.all:
		return nil
	case len(args) == 0 && len(s.settings) > 0:
		return errors.New("name the profile to create")
	case len(args) == 0:
		return s.checkGuide()
	case len(s.settings) == 0:
		return notEmpty(args)
	case s.undo:
		return errors.New("--undo cannot be combined with settings of a new profile")
	case s.settings[0].Key != "role_arn":
		return errors.New("settings of a new profile require --role-arn")
	case len(args) > 1:
		return fmt.Errorf("one profile can be created at a time, got %d", len(args))
	}
	for _, want := range s.settings {
		if err := checkSetting(want); err != nil {
			return err
		}
	}
	return notEmpty(args)
}

// checkSetting rejects a value that no tool and no AWS service accepts.
func checkSetting(want profiles.Setting) error {
	var err error
	switch want.Key {
	case "role_arn":
		err = profiles.CheckRoleARN(want.Value)
	case "mfa_serial":
		err = profiles.CheckMFAARN(want.Value)
	case "region":
		err = checkRegionName(want.Value)
	}
	if err != nil {
		return fmt.Errorf("--%s %q: %w", strings.ReplaceAll(want.Key, "_", "-"), want.Value, err)
	}
	return nil
}

func (s *setup) run(cmd *cobra.Command) error {
	if !s.asRoot && !s.dryRun {
		if err := checkOwner(); err != nil {
			return err
		}
	}
	if !s.undo {
		var err error
		if s.helper, err = findHelper(s.app); err != nil {
			return err
		}
	}
	files, err := s.files()
	if err != nil {
		return err
	}
	if !s.undo {
		s.warnOfRefusal()
	}
	if s.sso.isUsed() && !s.undo {
		if err := s.sso.fetch(cmd.Context(), s.app, files); err != nil {
			return err
		}
	}
	// The edit is tried without the lock first, so that a failure leaves no lock file.
	planned := files.Edit()
	report, err := s.edit(planned)
	if err != nil {
		return err
	}
	if s.guided {
		o := overviewOf(files, s.wired)
		if s.hasKeyring(cmd.Context()) {
			o.importable = o.inFiles
		}
		if err := s.print(o.page()); err != nil {
			return err
		}
	}
	changes := planned.Changes()
	switch {
	case len(changes) == 0:
		return s.print([]byte(report))
	case s.dryRun:
		return s.print(diffText(changes, s.screen()))
	case s.yes:
		return s.write(cmd.Context(), nil)
	}
	if err := confirm(s.app, cmd, s.names, changes); err != nil {
		return err
	}
	return s.write(cmd.Context(), changes)
}

// warnOfRefusal warns if the AWS CLI refuses one of the files, since no profile works there then.
func (s *setup) warnOfRefusal() {
	found := doctor.RefusedByCLI(profiles.Paths(os.Getenv))
	if len(found) == 0 {
		return
	}
	more := ""
	if n := len(found) - 1; n > 0 {
		more = fmt.Sprintf(" (and %d more)", n)
	}
	s.warn("%s: %s%s; the AWS CLI and boto3 refuse the whole file, with every profile in it; "+
		"aws-credproc doctor shows how to fix it", found[0].Where, found[0].What, more)
}

// write makes the edit with the files as they are now, and prints what was done. If confirmed is
// not nil, the changes must be the confirmed ones.
func (s *setup) write(ctx context.Context, confirmed []profiles.Change) error {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	config, credentials := profiles.Paths(os.Getenv)
	var report string
	var changes []profiles.Change
	defer s.progress("waiting for another process that edits the config files")()
	backups, err := profiles.Update(ctx, config, credentials, func(e *profiles.Editor) (err error) {
		e.Files().Imported = plan.Imported(os.Getenv, s.stateDir(), s.warn)
		if report, err = s.edit(e); err != nil {
			return err
		}
		changes = e.Changes()
		if confirmed != nil && !slices.Equal(changes, confirmed) {
			return errChanged
		}
		return nil
	})
	if err == nil && s.undo {
		err = profiles.CleanUp(ctx, config, credentials)
	}
	if err == nil && s.asRoot {
		err = giveToOwner()
	}
	if err != nil {
		return err
	}
	var out []byte
	if confirmed == nil && !s.sso.isUsed() { // its report names what was added
		out = diffText(changes, s.screen())
	}
	out = append(out, report...)
	for _, path := range backups {
		if _, err := os.Lstat(path); err == nil { // else CleanUp has removed it
			out = fmt.Appendf(out, "backup: %s\n", printable(path))
		}
	}
	return s.print(out)
}
