package cli

import (
	"context"
	"fmt"
	"os"
	"slices"

	"aws-credproc/credproc"
	"aws-credproc/internal/proc"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

func newExecCmd(a *app) *cobra.Command {
	h := &credentialExport{app: a}
	var serve bool
	cmd := &cobra.Command{
		Use:   "exec PROFILE [-- CMD [ARGS...]]",
		Short: "run a command, or a shell, with a profile's credentials",
		Long: `Runs a command with the credentials of a profile in its environment, for tools that know no credential_process. Without a
command it is your shell; a prompt can show $AWS_CREDPROC_EXEC_PROFILE and $AWS_CREDENTIAL_EXPIRATION. The exit code is
the command's.

With --serve there are no credentials in the environment: the command is told of an endpoint on this machine, as in a
container, from which every SDK takes them, and anew when they run out. It lives as long as the command.`,
		Example: `  aws-credproc exec dev -- aws s3 ls
  aws-credproc exec dev --region eu-west-3 --duration 30m -- terraform apply
  aws-credproc exec dev --serve -- make nightly
  aws-credproc exec dev`,
		Args:              profileAndCommand,
		ValidArgsFunction: completeProfiles,
		RunE: a.runE(func(ctx context.Context, args []string) error {
			return h.exec(ctx, args[0], args[1:], serve)
		}),
	}
	cmd.PreRunE = func(cmd *cobra.Command, _ []string) error { return h.checkFlags(cmd) }
	cmd.ValidArgsFunction = func(cmd *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveDefault // the command's files
		}
		return completeOtherProfiles(cmd, args, word)
	}
	h.addFlags(cmd)
	cmd.Flags().BoolVar(&serve, "serve", false, "let the command ask for credentials whenever it needs them, so that it may outlast a session")
	return cmd
}

// exec makes everything ready for a command, which then runs when this one has ended.
func (h *credentialExport) exec(ctx context.Context, profile string, command []string, serve bool) error {
	if len(command) == 0 {
		command = []string{proc.Shell()}
		if outer := os.Getenv(credproc.ExecVariable); outer != "" {
			h.warn("this is a shell of aws-credproc exec %s already; the one that starts now, with %s, is inside it", outer, profile)
		}
	}
	path, err := proc.FindCommand(command[0])
	if err != nil {
		return err
	}
	c := proc.Command{Path: path, Args: command, Stdin: os.Stdin}
	if !term.IsTerminal(int(os.Stdin.Fd())) { // where a person may type something until the command starts
		if err := leaveStdin(); err != nil {
			return err
		}
	}
	set := []variable{{credproc.ExecVariable, profile}}
	if serve {
		e, more, err := h.startServer(ctx, profile)
		if err != nil {
			return err
		}
		if err := leaveStdin(); err != nil {
			return err
		}
		c.Env = environment(os.Environ(), append(set, more...))
		h.then = func() (int, error) {
			defer e.Close()
			return c.Run()
		}
		return nil
	}
	s, region, err := h.credentials(ctx, profile)
	if err != nil {
		return err
	}
	c.Env = environment(os.Environ(), slices.Concat(set, credentialVariables(s), otherVariables(s, region)))
	h.then = c.Replace
	return nil
}

// leaveStdin leaves what comes in to the command: one that gives credentials would read it too (ssh does).
func leaveStdin() error {
	none, err := os.Open(os.DevNull)
	if err != nil {
		return fmt.Errorf("exec: %w", err)
	}
	os.Stdin = none
	return nil
}
