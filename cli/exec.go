package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"aws-credproc/credproc"
	"aws-credproc/credproc/plan"
	"aws-credproc/internal/diag"
	"aws-credproc/internal/proc"
)

func newExecCmd(a *app) *cobra.Command {
	x := &credentialExport{app: a}
	var serve bool
	cmd := &cobra.Command{
		Use:   "exec PROFILE [-- CMD [ARGS...]]",
		Short: "Run a command with the credentials of a profile",
		Long: `Runs a command with the credentials of a profile in its environment, for tools that
do not support credential_process. Without a command, it starts your shell. The exit
code is that of the command.

In the shell, $AWS_CREDPROC_EXEC_PROFILE, $AWS_CREDENTIAL_EXPIRATION, and the same as
a number of seconds in $AWS_CREDPROC_EXEC_EXPIRES are set, for example for the prompt.

With --serve, the environment holds no credentials. Instead, the command can get them
from a credentials endpoint on this machine, as in a container, and gets new ones
when they expire. The endpoint is closed when the command ends.

With --role-arn and --source-profile in the place of PROFILE, it assumes a role that
no profile has.

With --session, a profile with a long-term access key gets a session of 12 hours, or
of --duration. Without it, the command gets the key itself, with a warning.`,
		Example: `  aws-credproc exec dev -- aws s3 ls
  aws-credproc exec dev --region eu-west-3 --duration 30m -- terraform apply
  aws-credproc exec dev --serve -- make nightly
  aws-credproc exec dev
  aws-credproc exec --role-arn arn:aws:iam::123456789012:role/Dev --source-profile base`,
		Args: func(cmd *cobra.Command, args []string) error {
			if cmd.Flags().Changed("role-arn") {
				return x.role.arguments(cmd, args)
			}
			return profileAndCommand(cmd, args)
		},
		PreRunE: func(cmd *cobra.Command, _ []string) error {
			return cmp.Or(x.role.checkFlags(cmd), x.checkFlags(cmd))
		},
		RunE: a.runE(func(ctx context.Context, args []string) error {
			if x.role.isSet() {
				return x.role.withoutProfileHint(x.exec(ctx, x.role.name(), args, serve))
			}
			return x.exec(ctx, args[0], args[1:], serve)
		}),
		ValidArgsFunction: completeExec,
	}
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error {
		if errors.Is(err, errNoDashes) {
			err = errNoDashes
		}
		return &diag.Error{Err: err, Hint: commandHint}
	})
	help := cmd.Flags().VarPF(&execHelp{cmd: cmd}, "help", "h", "help for exec")
	help.NoOptDefVal, help.Hidden = "true", true // as for all commands
	x.addFlags(cmd)
	x.role.addFlags(cmd)
	cmd.Flags().BoolVar(&x.session, "session", false,
		"exchange a long-term access key for a session")
	cmd.Flags().BoolVar(&serve, "serve", false,
		"serve credentials to the command for as long as it runs")
	return cmd
}

// execHelp is the flag for help, which is not that of a command without "--" before it.
type execHelp struct {
	cmd   *cobra.Command
	isSet bool
}

func (h *execHelp) Set(value string) (err error) {
	if h.cmd.Flags().NArg() > 1 {
		return errNoDashes
	}
	if h.isSet, err = strconv.ParseBool(value); err != nil {
		return errors.New("not true or false")
	}
	return nil
}

func (h *execHelp) String() string { return strconv.FormatBool(h.isSet) }

func (*execHelp) Type() string { return "bool" }

// completeExec completes the profile, and then the files of the command.
func completeExec(
	cmd *cobra.Command, args []string, word string,
) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 || cmd.Flags().Changed("role-arn") {
		return nil, cobra.ShellCompDirectiveDefault
	}
	return completeOtherProfiles(cmd, args, word)
}

// exec prepares a command, which runs after this function has returned: see app.then.
func (x *credentialExport) exec(
	ctx context.Context, profile string, command []string, serve bool,
) error {
	isShell := len(command) == 0
	if isShell {
		command = []string{proc.Shell()}
		if outer := os.Getenv(credproc.ExecVariable); outer != "" {
			x.warn("this is already a shell of aws-credproc exec %s; "+
				"the new shell, with %s, runs inside it", outer, profile)
		}
	}
	path, err := proc.FindCommand(command[0])
	if err != nil {
		return err
	}
	c := proc.Command{Path: path, Args: command, Stdin: os.Stdin}
	if !term.IsTerminal(int(os.Stdin.Fd())) { // at a terminal the user may be asked for an MFA code
		if err := reserveStdin(); err != nil {
			return err
		}
	}
	set := []variable{{credproc.ExecVariable, profile}, {credproc.ExpiresVariable, ""}}
	if serve {
		if err := x.execServed(ctx, profile, c, set); err != nil {
			return err
		}
		if isShell {
			x.announceShell(profile, "renewed while the shell runs")
		}
		return nil
	}
	s, region, err := x.credentials(ctx, profile)
	if err != nil {
		return err
	}
	if s.SessionToken == "" {
		x.warnOfKey(profile)
	}
	if at := plan.PrintedExpiration(s, time.Now()); !at.IsZero() {
		set[1].value = strconv.FormatInt(at.Unix(), 10)
	}
	set = slices.Concat(set, credentialVariables(s), contextVariables(s, region))
	c.Env = childEnviron(os.Environ(), set)
	x.then = c.Replace
	if isShell {
		until := "they do not expire"
		if !s.Expiration.IsZero() {
			until = "valid until " + s.Expiration.Local().Format(time.DateTime)
		}
		x.announceShell(profile, until)
	}
	return nil
}

// execServed prepares a command that gets credentials from an endpoint, which is open while the
// command and its descendants run.
func (x *credentialExport) execServed(
	ctx context.Context, profile string, c proc.Command, set []variable,
) error {
	server, more, err := x.startServer(ctx, profile)
	if err != nil {
		return err
	}
	if err := reserveStdin(); err != nil {
		return errors.Join(err, server.Close())
	}
	c.Env = childEnviron(os.Environ(), append(set, more...))
	x.then = func() (int, error) {
		defer server.Close()
		listener, err := server.Listener()
		if err != nil {
			return 0, fmt.Errorf("exec: %w", err)
		}
		defer listener.Close()
		return c.RunSupervised(listener, superviseName)
	}
	return nil
}

// warnOfKey warns that the command gets a long-term access key.
func (x *credentialExport) warnOfKey(profile string) {
	instead := ""
	if x.canExchange {
		instead = "; with --session, it gets a session that expires"
	}
	x.warn("%s: the command gets the long-term access key%s", profile, instead)
}

// announceShell prints that an interactive shell starts, and how long its credentials are valid.
func (x *credentialExport) announceShell(profile, validity string) {
	x.say("shell with the credentials of %s (%s); type exit to leave it", profile, validity)
}

// reserveStdin leaves standard input to the command: commands that get credentials, such as ssh,
// would read it.
func reserveStdin() error {
	null, err := os.Open(os.DevNull)
	if err != nil {
		return fmt.Errorf("exec: %w", err)
	}
	os.Stdin = null
	return nil
}
