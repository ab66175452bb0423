package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"aws-credproc/internal/diag"
	"aws-credproc/internal/nearest"
)

// newHelpCmd returns the command help. Unlike cobra's, it fails for an unknown command.
func newHelpCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]",
		Short: "Show the help of a command",
		Long:  "Shows the help of a command, as its --help flag does.",
		RunE: func(cmd *cobra.Command, args []string) error {
			target, rest, err := cmd.Root().Find(args)
			switch {
			case err != nil:
				return err
			case !target.HasSubCommands() && len(rest) > 0:
				return fmt.Errorf("expected 1 command, got %d", len(args))
			}
			if err := noSubcommand(target, rest); err != nil {
				return err
			}
			return target.Help()
		},
		ValidArgsFunction: completeCommands,
	}
}

// noSubcommand is the argument check of a command that has subcommands: an argument is the name of
// an unknown one. The error suggests the nearest name.
func noSubcommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	e := &diag.Error{
		Problem: fmt.Sprintf("unknown command %q", args[0]),
		Hint:    cmd.CommandPath() + " --help lists the commands",
	}
	var names []string
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() {
			names = append(names, sub.Name())
		}
	}
	if name := nearest.Name(args[0], names); name != "" {
		e.Hint = fmt.Sprintf("did you mean %s %s?", cmd.CommandPath(), name)
	}
	return e
}

// completeCommands completes the names of commands.
func completeCommands(
	cmd *cobra.Command, args []string, _ string,
) (names []string, _ cobra.ShellCompDirective) {
	target, rest, err := cmd.Root().Find(args)
	if err != nil || len(rest) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	for _, sub := range target.Commands() {
		if sub.IsAvailableCommand() {
			names = append(names, sub.Name())
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
