package cli

import (
	"cmp"
	"context"
	_ "embed"
	"errors"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"aws-credproc/profiles"
)

// The scripts for the shells call cobra's hidden command __complete, as cobra's own scripts do.
// Cobra's scripts evaluate what the user has typed, and insert names that the shell evaluates when
// the command is run. They need the bash-completion package in bash, and split names at "@".
var (
	//go:embed completion.bash
	bashCompletion []byte
	//go:embed completion.zsh
	zshCompletion []byte
	//go:embed completion.fish
	fishCompletion []byte
	//go:embed completion.ps1
	powershellCompletion []byte
)

// completionShells are the shells for which there is a script.
var completionShells = []string{"bash", "zsh", "fish", "powershell"}

func newCompletionCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "completion SHELL",
		Short: "Print a script for tab completion",
		Long: `Prints a script that completes commands, flags and profile names in bash, zsh, fish
or PowerShell. Add one of these lines to the startup file of your shell:

  bash        source <(aws-credproc completion bash)
  zsh         source <(aws-credproc completion zsh)     # after compinit
  fish        aws-credproc completion fish | source
  PowerShell  aws-credproc completion powershell | Out-String | iex

Completion reads the config files only. It uses no keyring and no network.`,
		Example: `  aws-credproc completion bash
  aws-credproc completion zsh
  aws-credproc completion fish
  aws-credproc completion powershell`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 || !slices.Contains(completionShells, args[0]) {
				return errors.New("name one shell: " + strings.Join(completionShells, ", "))
			}
			return nil
		},
		ValidArgsFunction: completeShells,
		RunE: a.runE(func(_ context.Context, args []string) error {
			scripts := map[string][]byte{
				"bash": bashCompletion, "zsh": zshCompletion, "fish": fishCompletion,
				"powershell": powershellCompletion,
			}
			return a.print(scripts[args[0]])
		}),
	}
}

func completeShells(
	_ *cobra.Command, args []string, _ string,
) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return completionShells, cobra.ShellCompDirectiveNoFileComp
}

// completeFlag completes the value of a flag with one of values, or with nothing if there are none.
func completeFlag(cmd *cobra.Command, flag string, values ...string) {
	completeFlagFunc(cmd, flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
}

func completeFlagFunc(cmd *cobra.Command, flag string, complete cobra.CompletionFunc) {
	// It fails only for an unknown or already registered flag, which every test would show.
	_ = cmd.RegisterFlagCompletionFunc(flag, complete)
}

// completeProfiles completes profile names, if the command accepts another argument.
func completeProfiles(
	cmd *cobra.Command, args []string, word string,
) ([]string, cobra.ShellCompDirective) {
	word = cmp.Or(word, "x") // commands reject an empty name
	if cmd.ValidateArgs(append(slices.Clone(args), word)) != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return completeOtherProfiles(cmd, args, word)
}

// completeOtherProfiles completes the names of the profiles that are not in args.
func completeOtherProfiles(
	_ *cobra.Command, args []string, _ string,
) ([]string, cobra.ShellCompDirective) {
	f, err := profiles.Load(profiles.Paths(os.Getenv))
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	names := slices.DeleteFunc(f.Names(), func(name string) bool {
		return slices.Contains(args, name)
	})
	return names, cobra.ShellCompDirectiveNoFileComp
}
