package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"aws-credproc/cache"
	"aws-credproc/credproc/mfa"
)

// newRootCmd returns the whole command line.
func newRootCmd(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:   "aws-credproc",
		Short: "credential_process helper for AWS profiles",
		Long: `aws-credproc gives the AWS CLI and every SDK the credentials of a role profile: it assumes the role with the
source profile, keeps the session in the operating system's keyring until it expires, and prints it as JSON.

In ~/.aws/config:

  [profile dev]
  credential_process = aws-credproc get dev-role
  region = eu-west-1

  [profile dev-role]
  role_arn = arn:aws:iam::123456789012:role/Dev
  source_profile = base`,
		Version:       version(),
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          noSubcommand,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	// No template of our own, for version or help: they link text/template, with which the linker keeps every exported
	// method of every type. That is 4.7 MB, and 4 % of a warm get.

	var set settings
	flags := root.PersistentFlags()
	flags.StringVar(&set.store, "store", "", "where sessions are kept: "+strings.Join(words(cache.Choices()), ", ")+" (AWS_CREDPROC_STORE; default auto)")
	flags.StringVar(&set.prompt, "prompt", "", "where a person may be asked: "+strings.Join(words(mfa.Modes()), ", ")+" (AWS_CREDPROC_PROMPT; default auto)")
	flags.StringVar(&set.timeout, "timeout", "", "the longest that a command may take, such as 30s (AWS_CREDPROC_TIMEOUT; default 50s)")
	flags.BoolVar(&a.verbose, "verbose", false, "tell the steps and their times on stderr, never a secret (AWS_CREDPROC_VERBOSE)")
	completeFlag(root, "store", words(cache.Choices())...)
	completeFlag(root, "prompt", words(mfa.Modes())...)
	completeFlag(root, "timeout")
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error {
		return a.readSettings(cmd, set)
	}

	root.SetHelpCommand(newHelpCmd())
	root.AddCommand(
		newGetCmd(a), newRefreshCmd(a), newStatusCmd(a), newClearCmd(a), newListCmd(a), newExplainCmd(a), newDoctorCmd(a),
		newSetupCmd(a), newImportCmd(a), newExecCmd(a), newExportCmd(a), newMFACmd(a), newDemoCmd(a), newCompletionCmd(a, root),
		newManCmd(a, root), newRenewCmd(a),
	)
	return root
}

func words[S ~string](list []S) (all []string) {
	for _, s := range list {
		all = append(all, string(s))
	}
	return all
}
