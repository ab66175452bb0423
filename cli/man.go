package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
)

func newManCmd(a *app, root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use:   "man DIR",
		Short: "Write the manual pages to a directory",
		Long: `Writes a manual page for each command, such as aws-credproc-get.1, to a directory. The
directory is created if it does not exist.`,
		Example: "  aws-credproc man ~/.local/share/man/man1",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return errors.New("name the directory for the manual pages")
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

// visible returns a command and its subcommands, without hidden ones and help.
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

// The sections that all manual pages have: terms and their explanations.
var (
	manExits = [][2]string{
		{"0", "Success."},
		{"1", "Failure. Standard error has the error and, where there is one, a hint."},
		{"2", "Wrong usage."},
		{"3", "The user is needed (an MFA code, a sign-in) and cannot be asked."},
	}
	manVariables = [][2]string{
		{"AWS_CREDPROC_STORE, AWS_CREDPROC_PROMPT, AWS_CREDPROC_TIMEOUT, AWS_CREDPROC_VERBOSE",
			"Defaults of the flags with these names."},
		{"AWS_CREDPROC_STATE_DIR", "The state directory."},
		{"AWS_CONFIG_FILE, AWS_SHARED_CREDENTIALS_FILE", "The config and the credentials file."},
		{"AWS_REGION, AWS_DEFAULT_REGION", "The Region; takes precedence over the profile's."},
		{"AWS_ENDPOINT_URL_STS, AWS_ENDPOINT_URL", "The endpoint of STS."},
		{"AWS_PROFILE", "Ignored: commands take the profile as an argument."},
		{"NO_COLOR", "If set, output has no colors."},
	}
	manFiles = [][2]string{
		{"~/.aws/config, ~/.aws/credentials", "The profiles."},
		{"~/.local/state/aws-credproc",
			"The state directory on Linux: metadata of sessions, encrypted sessions, and locks."},
	}
)

// manPage returns the manual page of a command, in the macros of man(7).
func manPage(cmd *cobra.Command) string {
	var b strings.Builder
	name, path := manName(cmd), cmd.CommandPath()
	fmt.Fprintf(&b, ".TH %s 1 \"\" \"%s\" \"User Commands\"\n",
		roff(strings.ToUpper(name)), roff("aws-credproc "+version()))
	fmt.Fprintf(&b, ".SH NAME\n%s \\- %s\n", roff(name), roff(cmd.Short))
	b.WriteString(".SH SYNOPSIS\n")
	fmt.Fprintf(&b, "\\fB%s\\fR%s\n", roff(path), roff(strings.TrimPrefix(usageLine(cmd), path)))
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
	flags := append(flagRows(cmd.LocalFlags()), flagRows(cmd.InheritedFlags())...)
	b.WriteString(manList("OPTIONS", flags))
	if cmd.Example != "" {
		b.WriteString(".SH EXAMPLES\n" + manText(cmd.Example))
	}
	b.WriteString(manList("EXIT STATUS", manExits))
	b.WriteString(manList("ENVIRONMENT", manVariables))
	b.WriteString(manList("FILES", manFiles))
	b.WriteString(".SH SEE ALSO\n" + strings.Join(manSeeAlso(cmd), "\n") + "\n")
	return b.String()
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
	for i := range pages[:len(pages)-1] { // the comma follows the parenthesis
		pages[i] += " ,"
	}
	return pages
}

// manText returns a help text as roff. Indented lines keep their line breaks, others are filled.
func manText(text string) string {
	var b strings.Builder
	preformatted := false
	set := func(on bool) {
		if on != preformatted {
			b.WriteString(map[bool]string{true: ".RS 4\n.EX\n", false: ".EE\n.RE\n"}[on])
		}
		preformatted = on
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

var roffEscapes = strings.NewReplacer(
	`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", `\(ga`, "^", `\(ha`, "~", `\(ti`, `"`, `\(dq`)

// roff returns a line of text in which roff finds no request and no special character.
func roff(line string) string {
	line = roffEscapes.Replace(line)
	if strings.HasPrefix(line, ".") {
		return `\&` + line
	}
	return line
}
