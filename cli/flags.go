package cli

import (
	"errors"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"aws-credproc/cache"
	"aws-credproc/credproc/mfa"
)

// newRootCmd returns the whole command line.
func newRootCmd(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:   "aws-credproc",
		Short: "Cached role credentials for the AWS CLI and SDKs",
		Long: `aws-credproc is a credential_process helper. It assumes the role of a profile with
its source profile, caches the session in the operating system's keyring until it
expires, and prints it for the AWS CLI and the AWS SDKs.

In ~/.aws/config:

  [profile dev]
  credential_process = aws-credproc get dev-role
  region = eu-west-1

  [profile dev-role]
  role_arn = arn:aws:iam::123456789012:role/Dev
  source_profile = base

"aws-credproc setup dev" writes this if the profile dev has the settings of the
role.

At a terminal, a command other than get that is started without its PROFILE offers
the profiles to pick one.`,
		Version:       versionText(buildInfo()),
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          noSubcommand,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	// A template for help or the version would link text/template, and with it every exported
	// method of every type: 4.7 MB, and 4 % of the time of a get with a cached session.
	root.SetHelpFunc(func(cmd *cobra.Command, _ []string) {
		_, _ = cmd.OutOrStdout().Write(helpPage(cmd, a.screen())) // a buffer
	})
	root.SetFlagErrorFunc(flagError)
	addGlobalFlags(a, root)
	addCommands(a, root)
	return root
}

// flagError returns the error for a flag without the text of package strconv.
func flagError(_ *cobra.Command, err error) error {
	var number *strconv.NumError
	if errors.As(err, &number) {
		return errors.New(strings.Replace(err.Error(), number.Error(), "not true or false", 1))
	}
	return err
}

// addGlobalFlags adds the flags of all commands.
func addGlobalFlags(a *app, root *cobra.Command) {
	var set settings
	flags := root.PersistentFlags()
	flags.StringVar(&set.store, "store", "", "where sessions are cached: "+
		choices(cache.Choices())+" (default auto, or AWS_CREDPROC_STORE)")
	flags.StringVar(&set.prompt, "prompt", "", "where to ask for MFA codes: "+
		choices(mfa.Modes())+" (default auto, or AWS_CREDPROC_PROMPT)")
	flags.StringVar(&set.timeout, "timeout", "", "time limit of the command, as a `DURATION` such "+
		"as 30s (default 50s, or AWS_CREDPROC_TIMEOUT)")
	flags.BoolVar(&a.verbose, "verbose", false, "log each step to stderr, without secrets "+
		"(or AWS_CREDPROC_VERBOSE=1)")
	flags.BoolP("help", "h", false, "show the help of the command")
	root.Flags().BoolP("version", "v", false, "print the version")
	completeFlag(root, "store", words(cache.Choices())...)
	completeFlag(root, "prompt", words(mfa.Modes())...)
	completeFlag(root, "timeout")
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error {
		if cmd.Name() == getName { // before the first warning
			a.deferStderr()
		}
		return a.readSettings(cmd, set)
	}
}

// addCommands adds the commands in the groups of the help page.
func addCommands(a *app, root *cobra.Command) {
	add := func(id, title string, commands ...*cobra.Command) {
		root.AddGroup(&cobra.Group{ID: id, Title: title})
		for _, cmd := range commands {
			cmd.GroupID = id
			if cmd.Name() != getName {
				a.offerProfiles(cmd)
			}
		}
		root.AddCommand(commands...)
	}
	add("use", "Use", newGetCmd(a), newExecCmd(a), newExportCmd(a), newServeCmd(a),
		newConsoleCmd(a), newWhoamiCmd(a), newRefreshCmd(a), newStatusCmd(a), newClearCmd(a))
	add("setup", "Set up", newLoginCmd(a), newLogoutCmd(a), newSetupCmd(a), newImportCmd(a),
		newRotateCmd(a), newMFACmd(a))
	add("diagnose", "Diagnose", newListCmd(a), newExplainCmd(a), newDoctorCmd(a))
	add("more", "More", newDemoCmd(a), newCompletionCmd(a), newManCmd(a, root))
	root.AddCommand(newRenewCmd(a), newSuperviseCmd(a))
	root.SetHelpCommand(newHelpCmd())
	root.SetHelpCommandGroupID("more")
}

func choices[S ~string](list []S) string { return strings.Join(words(list), ", ") }

func words[S ~string](list []S) (all []string) {
	for _, s := range list {
		all = append(all, string(s))
	}
	return all
}
