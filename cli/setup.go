package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"aws-credproc/credproc/plan"
	"aws-credproc/internal/diag"
	"aws-credproc/internal/proc"
	"aws-credproc/internal/tui"
	"aws-credproc/profiles"
)

// setup is one run of the command setup.
type setup struct {
	*app
	names             []string
	undo, dryRun, yes bool
	// settings is the profile to create, if one is: in the order in which it is written.
	settings []profiles.Setting
	helper   string
}

// createFlags are the flags that hold a new profile's settings, with what they mean. A setting's key is its flag's name
// with underscores.
var createFlags = [][2]string{
	{"role-arn", "create the profile: the role to assume"},
	{"source-profile", "the profile whose credentials assume the role"},
	{"credential-source", "in place of a source profile: Environment, Ec2InstanceMetadata or EcsContainer"},
	{"external-id", "the external ID that the role's trust policy asks for"},
	{"mfa-serial", "the MFA device whose code is needed"},
	{"duration-seconds", "how long a session lasts, 900 to 43200"},
	{"role-session-name", "the session's name in CloudTrail"},
	{"region", "the region that the tools use"},
}

func newSetupCmd(a *app) *cobra.Command {
	s := &setup{app: a}
	values := make([]string, len(createFlags))
	var cmd *cobra.Command
	cmd = &cobra.Command{
		Use:   "setup PROFILE... [--undo] [--dry-run] [--yes]",
		Short: "wire role profiles to this helper, or undo it",
		Long: `Makes a profile that holds role settings into two. The section as it stands becomes [profile NAME-role]; above it,
[profile NAME] starts this helper, and has a copy of the region and of every other setting that is not about credentials.
Tools go on using NAME. --undo puts back what was there, with what has been edited since.

What will change is shown as a diff, and a person is asked before it is written. Nothing else in the files changes. The
first time, the file is kept as NAME.aws-credproc.bak.

With --role-arn and --source-profile (or --credential-source), a profile that is not there yet is created.`,
		Example: `  aws-credproc setup dev
  aws-credproc setup dev --undo
  aws-credproc setup dev --role-arn arn:aws:iam::123456789012:role/Dev --source-profile base --region eu-west-1`,
		Args: func(_ *cobra.Command, args []string) error {
			s.settings = nil
			for i, v := range values {
				if v != "" {
					s.settings = append(s.settings, profiles.Setting{Key: strings.ReplaceAll(createFlags[i][0], "-", "_"), Value: v})
				}
			}
			return s.checkUsage(args)
		},
		ValidArgsFunction: completeProfiles,
		// The deadline is that of what this program does, not of the person who reads the diff.
		RunE: a.runE(func(_ context.Context, args []string) error {
			s.names = args
			return s.run(cmd)
		}),
	}
	flags := cmd.Flags()
	flags.BoolVar(&s.undo, "undo", false, "put back what was there")
	flags.BoolVar(&s.dryRun, "dry-run", false, "show what would change, and write nothing")
	flags.BoolVar(&s.yes, "yes", false, "write without asking")
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

func (s *setup) checkUsage(args []string) error {
	switch {
	case len(args) == 0:
		return errors.New("name the profile to wire")
	case len(s.settings) == 0:
		return notEmpty(args)
	case s.undo:
		return errors.New("--undo takes no settings")
	case s.settings[0].Key != "role_arn":
		return errors.New("settings are for a profile that is to be created, and that needs --role-arn")
	case len(args) > 1:
		return fmt.Errorf("one profile can be created at a time, and %d are named", len(args))
	}
	for _, want := range s.settings {
		if err := checkSetting(want); err != nil {
			return err
		}
	}
	return notEmpty(args)
}

// checkSetting refuses what would be written, and of which it is sure that no tool or STS takes it.
func checkSetting(want profiles.Setting) error {
	var err error
	switch want.Key {
	case "role_arn":
		err = profiles.CheckRoleARN(want.Value)
	case "mfa_serial":
		err = profiles.CheckMFAARN(want.Value)
	case "region":
		if !plan.IsRegion(want.Value) {
			err = errors.New("not a region")
		}
	}
	if err != nil {
		return fmt.Errorf("--%s %q: %w", strings.ReplaceAll(want.Key, "_", "-"), want.Value, err)
	}
	return nil
}

func (s *setup) run(cmd *cobra.Command) error {
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
	// Worked out without the lock first: what fails, or changes nothing, leaves no trace.
	planned := files.Edit()
	report, err := s.edit(planned)
	if err != nil {
		return err
	}
	changes := planned.Changes()
	switch {
	case len(changes) == 0:
		return s.print([]byte(report))
	case s.dryRun:
		return s.print(shownDiff(changes))
	case s.yes:
		return s.write(cmd.Context(), nil)
	}
	if err := confirm(s.app, cmd, s.names, shownDiff(changes)); err != nil {
		return err
	}
	return s.write(cmd.Context(), changes)
}

// agree shows what would change and asks at the terminal whether to write it. An error is any answer but yes.
func confirm(a *app, cmd *cobra.Command, names []string, shown []byte) error {
	tty, err := a.terminal()
	if err != nil {
		return &diag.Error{Profile: strings.Join(names, " "), Where: cmd.Name(), Err: fmt.Errorf("nobody can be asked here whether to write it: %w", err),
			Hint: commandLine(cmd, names), Flags: diag.NeedsUser}
	}
	defer tty.Close()
	if err := a.print(shown); err != nil {
		return err
	}
	resume := a.pauseWatchdog()
	yes, err := tui.Confirm(cmd.Context(), tty, "Write this? [y/N] ")
	resume()
	if err != nil {
		return err
	} else if !yes {
		return errors.New("nothing is written, as you said")
	}
	return nil
}

// errChanged says that a person has agreed to something else than what would be written now.
var errChanged = &diag.Error{Problem: "the files have changed since the diff was shown, and nothing is written", Hint: "try again"}

// write does the edit on the files as they are now, and tells of it. What a person has agreed to must be just that still.
func (s *setup) write(ctx context.Context, agreed []profiles.Change) error {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	config, credentials := profiles.Paths(os.Getenv)
	var report string
	var changes []profiles.Change
	backups, err := profiles.Update(ctx, config, credentials, func(e *profiles.Editor) (err error) {
		e.Files().Imported = s.imported
		if report, err = s.edit(e); err != nil {
			return err
		}
		changes = e.Changes()
		if agreed != nil && !slices.Equal(changes, agreed) {
			return errChanged
		}
		return nil
	})
	if err != nil {
		return err
	}
	var out []byte
	if agreed == nil {
		out = shownDiff(changes)
	}
	out = append(out, report...)
	for _, path := range backups {
		out = fmt.Appendf(out, "the file as it was is kept: %s\n", printable(path))
	}
	return s.print(out)
}

// edit does to each profile what was asked for, and says what that was.
func (s *setup) edit(e *profiles.Editor) (report string, err error) {
	var b strings.Builder
	for _, name := range s.names {
		switch {
		case s.undo:
			role, changed, err := profiles.Unwire(e, name)
			if err != nil {
				return "", err
			}
			if changed {
				fmt.Fprintf(&b, "%s: no longer wired; it holds the settings of %s again\n", name, role)
			} else {
				fmt.Fprintf(&b, "%s: not wired, so there is nothing to undo\n", name)
			}
		default:
			if len(s.settings) > 0 {
				if err := s.create(e, name); err != nil {
					return "", err
				}
			}
			role, changed, err := profiles.Wire(e, name, s.helper)
			if err != nil {
				return "", err
			}
			if changed {
				fmt.Fprintf(&b, "%s: wired to %s\n", name, role)
			} else {
				fmt.Fprintf(&b, "%s: wired to %s already\n", name, role)
			}
		}
	}
	return b.String(), nil
}

// create adds the profile that the flags describe. One that is there already must be just that.
func (s *setup) create(e *profiles.Editor, name string) error {
	p, err := e.Files().Profile(name)
	if errors.Is(err, profiles.ErrNoProfile) {
		if err := e.AddProfile(profiles.ConfigFile, name, s.settings...); err != nil {
			return err
		}
		_, err := e.Files().Chain(name)
		if e := (*diag.Error)(nil); errors.As(err, &e) {
			e.Where = "" // the line is not there yet
		}
		return err
	}
	if err != nil {
		return err
	}
	role := p
	if wiredTo, ok := profiles.Wired(p); ok {
		if role, err = e.Files().Profile(wiredTo); err != nil {
			return err
		}
	}
	for _, want := range s.settings {
		has := role
		if want.Key == "region" {
			has = p
		}
		if has.Get(want.Key) != want.Value {
			return &diag.Error{Profile: name, Problem: fmt.Sprintf("there is such a profile already, and its %s is not %s", want.Key, want.Value),
				Hint: "leave the settings out to wire it as it is, or edit it, or choose another name"}
		}
	}
	return nil
}

// findHelper gives the path of this program that is to stand in the config: as it is found on the PATH, since what that
// leads to is moved by the upgrade of a package.
func findHelper(a *app) (string, error) {
	path, err := proc.LookPath("aws-credproc")
	if err == nil || errors.Is(err, exec.ErrDot) { // a relative folder on the PATH is made absolute here
		path, err = filepath.Abs(path)
	} else if path, err = os.Executable(); err == nil {
		a.warn("aws-credproc is not on the PATH; the config names %s, and must be changed when that moves", path)
	}
	if err != nil {
		return "", fmt.Errorf("where this program is: %w", err)
	}
	plain, ok := proc.UnquotedPath(path)
	if !ok {
		a.warn("%s must be quoted, and the AWS SDK for Go cannot start it so; move it to a folder with a plain name", path)
	}
	return plain, nil
}

// shownDiff gives changes as diffs, fit for a terminal.
func shownDiff(changes []profiles.Change) []byte {
	var out []byte
	for _, c := range changes {
		for l := range strings.Lines(c.Diff()) {
			out = append(out, printable(strings.TrimRight(l, "\r\n"))...)
			out = append(out, '\n')
		}
	}
	return out
}

// commandLine gives the same command with --yes, to be typed or pasted.
func commandLine(cmd *cobra.Command, names []string) string {
	words := []string{"aws-credproc", cmd.Name(), "--yes"}
	cmd.Flags().Visit(func(f *pflag.Flag) {
		switch {
		case f.Name == "prompt":
		case f.NoOptDefVal != "":
			words = append(words, "--"+f.Name)
		default:
			words = append(words, "--"+f.Name, f.Value.String())
		}
	})
	if slices.ContainsFunc(names, func(name string) bool { return strings.HasPrefix(name, "-") }) {
		words = append(words, "--") // as profiles.Argument has it
	}
	words = append(words, names...)
	for i, w := range words {
		if strings.ContainsAny(w, " \t\n\"'$`\\*?&|;<>()[]{}#~!%") {
			words[i] = posixQuote(w)
		}
	}
	return strings.Join(words, " ")
}
