package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"aws-credproc/cache"
	"aws-credproc/cli/doctor"
	"aws-credproc/internal/files"
	"aws-credproc/internal/proc"
	"aws-credproc/profiles"
)

func newDoctorCmd(a *app) *cobra.Command {
	var asJSON, online bool
	cmd := &cobra.Command{
		Use:   "doctor [PROFILE]",
		Short: "Find problems in the setup, each with a fix",
		Long: `Checks the config files, the environment and the stores. For each problem it says what is
wrong, why it matters and how to fix it. With PROFILE, it checks that profile and those connected
with it.

It changes nothing, and sends nothing without --online. With --online, it asks STS for its time and
for the caller identity of each source, and assumes each role that needs no MFA code. The sessions
are cached.

The exit code is 1 if there is an error, and 0 if there are only warnings.`,
		Example: `  aws-credproc doctor
  aws-credproc doctor --online dev
  aws-credproc doctor --json`,
		Args:              cobra.MatchAll(cobra.MaximumNArgs(1), anyProfiles),
		ValidArgsFunction: completeProfiles,
		RunE: a.runE(func(ctx context.Context, args []string) error {
			report, err := examine(ctx, a, strings.Join(args, ""), online)
			if err != nil {
				return err
			}
			if asJSON {
				err = a.printJSON(map[string]any{"findings": report.Findings})
			} else {
				err = a.print(reportText(report, a.screen()))
			}
			isError := func(f doctor.Finding) bool { return f.Severity == doctor.Error }
			if err == nil && slices.ContainsFunc(report.Findings, isError) {
				err = errPrinted
			}
			return err
		}),
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.Flags().BoolVar(&online, "online", false, "ask STS as well")
	return cmd
}

// examine runs the checks. It never asks the user. Warnings go to the trace only, because the
// findings include their causes.
func examine(ctx context.Context, a *app, profile string, online bool) (doctor.Report, error) {
	r, err := a.resolver()
	if err != nil {
		return doctor.Report{}, err
	}
	r.Cache, err = cache.Open(cache.Options{
		Dir: a.stateDir(), Choice: a.store, Keyring: r.Keyring,
	})
	if err != nil {
		return doctor.Report{}, err
	}
	r.Warnf, r.TokenCodes = a.trace, nil
	o := doctor.Options{
		Profile: profile, StateDir: a.stateDir(), Resolver: r, Online: online,
	}
	o.ConfigPath, o.CredentialsPath = profiles.Paths(os.Getenv)
	if o.Files, err = a.files(); err != nil {
		a.trace("%v", err)
	}
	if o.Helper, err = helperPath(); err != nil {
		return doctor.Report{}, fmt.Errorf("path of this program: %w", err)
	}
	if o.Executable, err = files.Executable(); err != nil {
		return doctor.Report{}, fmt.Errorf("path of this program: %w", err)
	}
	if online {
		defer a.progress("calling STS")()
	}
	report := doctor.Examine(ctx, o)
	if errors.Is(ctx.Err(), context.Canceled) { // interrupted calls would look like problems
		return doctor.Report{}, errors.New("doctor: interrupted")
	}
	return report, nil
}

// helperPath returns the path of this program, as setup writes it into a config.
func helperPath() (string, error) {
	path, err := proc.LookPath("aws-credproc")
	if err == nil {
		path, err = filepath.Abs(path)
	} else {
		path, err = files.Executable()
	}
	if err != nil {
		return "", err
	}
	if inBuildCache(path) { // of go run, which deletes it later
		return "aws-credproc", nil
	}
	path, _ = proc.UnquotedPath(path) // if there is no such form, process-quoting reports it
	return path, nil
}
