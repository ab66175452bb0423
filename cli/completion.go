package cli

import (
	"bytes"
	"cmp"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"aws-credproc/profiles"
)

// The scripts for the shells. They ask cobra's hidden command __complete, as cobra's own scripts do. Those evaluate what is
// typed, need a package in bash, and take a name with an @ in it for two words.
var (
	//go:embed completion.bash
	bashCompletion []byte
	//go:embed completion.zsh
	zshCompletion []byte
	//go:embed completion.fish
	fishCompletion []byte
)

// completionShells are the shells that there is a script for.
var completionShells = []string{"bash", "zsh", "fish", "powershell"}

func newCompletionCmd(a *app, root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use:   "completion SHELL",
		Short: "print a script that completes commands, flags and profile names",
		Long: `Prints what completes commands, flags and the names of profiles in bash, zsh, fish or PowerShell. In the file that your
shell reads when it starts, one line will do:

  bash         source <(aws-credproc completion bash)
  zsh          source <(aws-credproc completion zsh)     # after compinit
  fish         aws-credproc completion fish | source
  PowerShell   aws-credproc completion powershell | Out-String | Invoke-Expression

To complete reads the config files and nothing else: no keyring, no network.`,
		Example: "  aws-credproc completion bash\n  aws-credproc completion zsh\n  aws-credproc completion fish\n  aws-credproc completion powershell",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 || !slices.Contains(completionShells, args[0]) {
				return errors.New("name one shell: " + strings.Join(completionShells, ", "))
			}
			return nil
		},
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return completionShells, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: a.runE(func(_ context.Context, args []string) error {
			switch args[0] {
			case "bash":
				return a.print(bashCompletion)
			case "zsh":
				return a.print(zshCompletion)
			case "fish":
				return a.print(fishCompletion)
			}
			var script bytes.Buffer
			if err := root.GenPowerShellCompletionWithDesc(&script); err != nil {
				return fmt.Errorf("completion powershell: %w", err)
			}
			return a.print(script.Bytes())
		}),
	}
}

// completeFlag lets the shell complete a flag's value with one of these, or with nothing if there are none.
func completeFlag(cmd *cobra.Command, flag string, values ...string) {
	completeFlagBy(cmd, flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
}

func completeFlagBy(cmd *cobra.Command, flag string, complete cobra.CompletionFunc) {
	// The error would be that there is no such flag, or that it is completed already: a test would show it.
	_ = cmd.RegisterFlagCompletionFunc(flag, complete)
}

// completeProfiles offers the names of profiles to the shell, where the command takes one more argument.
func completeProfiles(cmd *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
	word = cmp.Or(word, "x") // what is not typed yet is no empty name, which commands refuse
	if cmd.ValidateArgs(append(slices.Clone(args), word)) != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return completeOtherProfiles(cmd, args, word)
}

// completeOtherProfiles offers the names of the profiles that are not among args.
func completeOtherProfiles(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	f, err := profiles.Load(profiles.Paths(os.Getenv))
	if err != nil {
		return nil, cobra.ShellCompDirectiveError // whoever runs the command is told
	}
	names := slices.DeleteFunc(f.Names(), func(name string) bool { return slices.Contains(args, name) })
	return names, cobra.ShellCompDirectiveNoFileComp
}
