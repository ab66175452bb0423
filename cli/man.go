package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// manCommand writes the manual pages, for who packages or installs the program. It is hidden: nobody needs it twice.
func newManCmd(a *app, root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Hidden:  true,
		Use:     "man DIR",
		Short:   "write the manual pages into a folder",
		Long:    `Writes a manual page for each command, such as aws-credproc-get.1, into a folder, which is made if it is not there.`,
		Example: "  aws-credproc man ~/.local/share/man/man1",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return errors.New("name the folder for the manual pages")
			}
			return nil
		},
		RunE: a.runE(func(_ context.Context, args []string) error {
			if err := os.MkdirAll(args[0], 0o755); err != nil {
				return fmt.Errorf("man: %w", err)
			}
			for _, cmd := range visible(root) {
				path := filepath.Join(args[0], manName(cmd)+".1")
				if err := os.WriteFile(path, []byte(manPage(cmd)), 0o644); err != nil {
					return fmt.Errorf("man: %w", err)
				}
			}
			return nil
		}),
	}
}

// visible gives a command and all below it, but for hidden ones and cobra's help.
func visible(cmd *cobra.Command) []*cobra.Command {
	all := []*cobra.Command{cmd}
	for _, sub := range cmd.Commands() {
		if !sub.Hidden && sub.Name() != "help" {
			all = append(all, visible(sub)...)
		}
	}
	return all
}

func manName(cmd *cobra.Command) string { return strings.ReplaceAll(cmd.CommandPath(), " ", "-") }

// What the manual pages say beside the texts of the commands: terms, and what each means.
var (
	manExits = [][2]string{
		{"0", "done"}, {"1", "failed; standard error has one line that says what, where, why and how to mend it"},
		{"2", "wrong usage"}, {"3", "a person is needed (an MFA code, a login) and cannot be asked here"},
	}
	manVariables = [][2]string{
		{"AWS_CREDPROC_STORE, AWS_CREDPROC_PROMPT, AWS_CREDPROC_TIMEOUT, AWS_CREDPROC_VERBOSE", "what the flags of the same names say, where they are not given"},
		{"AWS_CREDPROC_STATE_DIR", "the state directory"},
		{"AWS_CONFIG_FILE, AWS_SHARED_CREDENTIALS_FILE", "the two files, where they are not the ones below"},
		{"AWS_REGION, AWS_DEFAULT_REGION", "the region, in place of the profile's"},
		{"AWS_ENDPOINT_URL_STS, AWS_ENDPOINT_URL", "the endpoint of STS, in place of AWS's"},
		{"AWS_PROFILE", "is not followed: the profile is always named"},
		{"NO_COLOR", "no colours on the terminal"},
	}
	manFiles = [][2]string{
		{"~/.aws/config, ~/.aws/credentials", "the profiles"},
		{"~/.local/state/aws-credproc", "the state directory on Linux: what is known about the sessions, locks and sealed sessions"},
	}
)

// manPage gives the manual page of a command, in the macros of man(7).
func manPage(cmd *cobra.Command) string {
	var b strings.Builder
	fmt.Fprintf(&b, ".TH %s 1 \"\" \"%s\" \"User Commands\"\n", roff(strings.ToUpper(manName(cmd))), roff("aws-credproc "+version()))
	fmt.Fprintf(&b, ".SH NAME\n%s \\- %s\n", roff(manName(cmd)), roff(cmd.Short))
	b.WriteString(".SH SYNOPSIS\n")
	if cmd.HasAvailableSubCommands() {
		fmt.Fprintf(&b, "\\fB%s\\fR \\fICOMMAND\\fR [\\fIflags\\fR]\n", roff(cmd.CommandPath()))
	} else {
		fmt.Fprintf(&b, "\\fB%s\\fR%s\n", roff(cmd.CommandPath()), roff(strings.TrimPrefix(cmd.UseLine(), cmd.CommandPath())))
	}
	b.WriteString(".SH DESCRIPTION\n" + manText(cmd.Long))
	if cmd.HasAvailableSubCommands() {
		var commands [][2]string
		for _, sub := range visible(cmd)[1:] {
			if sub.Parent() == cmd {
				commands = append(commands, [2]string{sub.Use, sub.Short})
			}
		}
		b.WriteString(manList("COMMANDS", commands))
	}
	flags := manFlags(cmd.LocalFlags())
	b.WriteString(manList("OPTIONS", append(flags, manFlags(cmd.InheritedFlags())...)))
	if cmd.Example != "" {
		b.WriteString(".SH EXAMPLES\n" + manText(cmd.Example))
	}
	b.WriteString(manList("EXIT STATUS", manExits) + manList("ENVIRONMENT", manVariables) + manList("FILES", manFiles))
	b.WriteString(".SH SEE ALSO\n" + strings.Join(manSeeAlso(cmd), "\n") + "\n")
	return b.String()
}

func manFlags(flags *pflag.FlagSet) (all [][2]string) {
	flags.VisitAll(func(f *pflag.Flag) {
		value, usage := pflag.UnquoteUsage(f)
		all = append(all, [2]string{strings.TrimSpace("--" + f.Name + " " + value), usage})
	})
	return all
}

func manList(title string, terms [][2]string) string {
	var b strings.Builder
	b.WriteString(".SH " + title + "\n")
	for _, t := range terms {
		fmt.Fprintf(&b, ".TP\n\\fB%s\\fR\n%s\n", roff(t[0]), roff(t[1]))
	}
	return b.String()
}

func manSeeAlso(cmd *cobra.Command) (pages []string) {
	if cmd.HasParent() {
		pages = append(pages, ".BR "+roff(manName(cmd.Parent()))+" (1)")
	}
	for _, sub := range visible(cmd)[1:] {
		pages = append(pages, ".BR "+roff(manName(sub))+" (1)")
	}
	for i := range pages[:len(pages)-1] { // the comma belongs to the line, behind the parenthesis
		pages[i] += " ,"
	}
	return pages
}

// manText gives a help text as roff: what is indented stands as it is, all else is filled.
func manText(text string) string {
	var b strings.Builder
	asItStands := false
	set := func(on bool) {
		if on != asItStands {
			b.WriteString(map[bool]string{true: ".RS 4\n.EX\n", false: ".EE\n.RE\n"}[on])
		}
		asItStands = on
	}
	for line := range strings.SplitSeq(strings.Trim(text, "\n"), "\n") {
		switch {
		case strings.HasPrefix(line, "  "):
			set(true)
			b.WriteString(roff(line[2:]) + "\n")
		case line == "":
			set(false)
			b.WriteString(".PP\n")
		default:
			set(false)
			b.WriteString(roff(line) + "\n")
		}
	}
	set(false)
	return b.String()
}

var roffEscapes = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", `\(ga`, "^", `\(ha`, "~", `\(ti`, `"`, `\(dq`)

// roff gives a line of text with nothing in it that roff would take for a command or for another character.
func roff(line string) string {
	line = roffEscapes.Replace(line)
	if strings.HasPrefix(line, ".") {
		return `\&` + line
	}
	return line
}
