package cli

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"aws-credproc/cache"
	"aws-credproc/credproc/mfa"
)

// defaultTimeout is below the 60 seconds after which the Go SDK kills a helper.
const defaultTimeout = 50 * time.Second

// rootCommand is the whole command line.
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
		Args:          cobra.NoArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	// No template of our own, for version or help: they link text/template, with which the linker keeps every exported
	// method of every type. That is 4.7 MB, and 4 % of a warm get.

	var store, prompt, timeout string
	flags := root.PersistentFlags()
	flags.StringVar(&store, "store", "", "where sessions are kept: "+strings.Join(words(cache.Choices()), ", ")+" (AWS_CREDPROC_STORE; default auto)")
	flags.StringVar(&prompt, "prompt", "", "where a person may be asked: "+strings.Join(words(mfa.Modes()), ", ")+" (AWS_CREDPROC_PROMPT; default auto)")
	flags.StringVar(&timeout, "timeout", "", "the longest that a command may take, such as 30s (AWS_CREDPROC_TIMEOUT; default 50s)")
	flags.BoolVar(&a.verbose, "verbose", false, "tell the steps and their times on stderr, never a secret (AWS_CREDPROC_VERBOSE)")
	completeFlag(root, "store", words(cache.Choices())...)
	completeFlag(root, "prompt", words(mfa.Modes())...)
	completeFlag(root, "timeout")
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error {
		return a.readFlags(store, prompt, timeout, cmd.Flags().Changed("verbose"))
	}

	root.AddCommand(
		newGetCmd(a), newRefreshCmd(a), newStatusCmd(a), newClearCmd(a), newListCmd(a), newExplainCmd(a), newDoctorCmd(a),
		newSetupCmd(a), newImportCmd(a), newExecCmd(a), newExportCmd(a), newMFACmd(a), newDemoCmd(a), newCompletionCmd(a, root),
		newManCmd(a, root), newRenewCmd(a),
	)
	return root
}

// readFlags takes each flag's value, else its variable's, else its default.
func (a *app) readFlags(store, prompt, timeout string, verboseIsSet bool) (err error) {
	value := func(flag, variable string) (name, v string) {
		if flag != "" {
			return "--" + strings.ToLower(strings.TrimPrefix(variable, "AWS_CREDPROC_")), flag
		}
		return variable, os.Getenv(variable)
	}
	name, v := value(store, "AWS_CREDPROC_STORE")
	if a.store, err = cache.ParseChoice(v); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	name, v = value(prompt, "AWS_CREDPROC_PROMPT")
	if a.prompt, err = mfa.ParseMode(v); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	a.timeout = defaultTimeout
	if name, v = value(timeout, "AWS_CREDPROC_TIMEOUT"); v != "" {
		if err := (*durationFlag)(&a.timeout).Set(v); err != nil || a.timeout <= 0 {
			return fmt.Errorf("%s: %q is no time such as 30s or 2m", name, v)
		}
	}
	if v := os.Getenv("AWS_CREDPROC_VERBOSE"); v != "" && !verboseIsSet {
		if a.verbose, err = strconv.ParseBool(v); err != nil {
			return fmt.Errorf("AWS_CREDPROC_VERBOSE: %q is neither true nor false", v)
		}
	}
	return nil
}

// durationFlag is the value of a flag for which cobra's own would say what Go's parser has against it.
type durationFlag time.Duration

func (d *durationFlag) Set(text string) error {
	parsed, err := time.ParseDuration(text)
	if err != nil {
		return errors.New("it is no time such as 30s or 15m")
	}
	*d = durationFlag(parsed)
	return nil
}

func (d *durationFlag) String() string {
	if *d == 0 {
		return "" // so that --help shows no default
	}
	return time.Duration(*d).String()
}

func (*durationFlag) Type() string { return "duration" }

func words[S ~string](list []S) (all []string) {
	for _, s := range list {
		all = append(all, string(s))
	}
	return all
}
