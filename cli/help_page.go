package cli

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"aws-credproc/internal/tui"
)

const (
	plainHelpWidth = 80  // where output is not a terminal
	maxHelpWidth   = 100 // longer lines are hard to read
)

// helpPage returns the help of a command, wrapped to the width of the terminal.
func helpPage(cmd *cobra.Command, to tui.Screen) []byte {
	p := helpWriter{width: plainHelpWidth, to: to}
	if to.IsTerminal && to.Width > 0 {
		p.width = min(to.Width, maxHelpWidth)
	}
	text := cmd.Long
	if text == "" {
		text = cmd.Short
	}
	p.text(text)
	p.section("Usage", "  "+usageLine(cmd))
	if cmd.Example != "" {
		p.section("Examples")
		for line := range strings.SplitSeq(cmd.Example, "\n") {
			p.lines(wrapCommand(line, p.width)...)
		}
	}
	p.commands(cmd)
	own := flagRows(cmd.LocalNonPersistentFlags())
	if cmd.HasParent() {
		p.list("Flags", column(own), own)
		p.text("\nFor the flags of all commands: aws-credproc --help")
		return p.out
	}
	all := flagRows(cmd.PersistentFlags())
	p.list("Flags of all commands", column(all), all)
	p.list("Other flags", column(all), own)
	p.text("\nFor the help of a command: aws-credproc COMMAND --help")
	return p.out
}

// usageLine returns the synopsis of a command.
func usageLine(cmd *cobra.Command) string {
	name, arguments, _ := strings.Cut(cmd.Use, " ")
	path := strings.TrimSuffix(cmd.CommandPath(), name) + name
	switch {
	case cmd.HasAvailableSubCommands():
		return path + " COMMAND [flags]"
	case !strings.Contains(strings.ReplaceAll(arguments, "[-- ", ""), "[--") &&
		len(flagRows(cmd.LocalNonPersistentFlags())) > 0:
		path += " [flags]"
	}
	return strings.TrimRight(path+" "+arguments, " ")
}

// wrapCommand breaks a command line that is wider than the page as in a shell script: after a pipe,
// or before a flag.
func wrapCommand(line string, width int) (lines []string) {
	const indent = "      "
	if utf8.RuneCountInString(line) <= width {
		return []string{line}
	}
	if before, after, ok := strings.Cut(line, " | "); ok {
		return append(wrapCommand(before+" |", width), wrapCommand(indent+after, width)...)
	}
	parts := strings.Split(line, " --")
	current := parts[0]
	for _, part := range parts[1:] {
		if utf8.RuneCountInString(current+" --"+part+` \`) > width {
			lines = append(lines, current+` \`)
			current = indent + "--" + part
		} else {
			current += " --" + part
		}
	}
	return append(lines, current)
}

// helpWriter writes the parts of a help page.
type helpWriter struct {
	out   []byte
	width int
	to    tui.Screen
}

// text writes paragraphs. Indented lines and empty lines are kept, others are wrapped.
func (p *helpWriter) text(text string) {
	var paragraph []string
	flush := func() {
		if len(paragraph) > 0 {
			p.lines(tui.Hanging("", strings.Join(paragraph, " "), p.width)...)
			paragraph = nil
		}
	}
	for line := range strings.SplitSeq(text, "\n") {
		if line != "" && !strings.HasPrefix(line, " ") {
			paragraph = append(paragraph, line)
			continue
		}
		flush()
		p.lines(line)
	}
	flush()
}

func (p *helpWriter) lines(lines ...string) {
	for _, line := range lines {
		p.out = append(p.out, line+"\n"...)
	}
}

// section writes a title and lines, with an empty line before them.
func (p *helpWriter) section(title string, lines ...string) {
	p.lines("", p.to.Paint(tui.Bold, title+":"))
	p.lines(lines...)
}

// longestTerm is the length of the terms that have their descriptions on the same line.
const longestTerm = 28

// column returns the width of the column that holds the terms of a list.
func column(rows [][2]string) (width int) {
	for _, row := range rows {
		if n := utf8.RuneCountInString(row[0]); n <= longestTerm {
			width = max(width, n)
		}
	}
	return width
}

// list writes a section of terms and their descriptions, if there are any.
func (p *helpWriter) list(title string, width int, rows [][2]string) {
	if len(rows) == 0 {
		return
	}
	p.section(title)
	for _, row := range rows {
		label := fmt.Sprintf("  %-*s  ", width, row[0])
		if utf8.RuneCountInString(row[0]) > width {
			p.lines("  " + row[0])
			label = strings.Repeat(" ", width+4)
		}
		p.lines(tui.Hanging(label, row[1], p.width)...)
	}
}

// commands writes the subcommands of a command, by group if there are groups.
func (p *helpWriter) commands(cmd *cobra.Command) {
	groups := cmd.Groups()
	if len(groups) == 0 {
		groups = []*cobra.Group{{Title: "Commands"}}
	}
	var all [][2]string
	byGroup := map[string][][2]string{}
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() || sub.Name() == "help" {
			row := [2]string{sub.Name(), sub.Short}
			all = append(all, row)
			byGroup[sub.GroupID] = append(byGroup[sub.GroupID], row)
		}
	}
	for _, g := range groups {
		p.list(g.Title, column(all), byGroup[g.ID])
	}
}

// flagRows returns the flags of a set and their descriptions.
func flagRows(flags *pflag.FlagSet) (rows [][2]string) {
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		value, usage := pflag.UnquoteUsage(f)
		term := "--" + f.Name
		if f.Shorthand != "" {
			term = "-" + f.Shorthand + ", " + term
		}
		switch value {
		case "":
		case "string", "int": // not named in the description: the last word of the flag's name
			term += " " + strings.ToUpper(f.Name[strings.LastIndexByte(f.Name, '-')+1:])
		default:
			term += " " + strings.ToUpper(value)
		}
		switch f.DefValue {
		case "", "false", "0", "[]":
		default:
			usage += " (default " + f.DefValue + ")"
		}
		rows = append(rows, [2]string{term, usage})
	})
	return rows
}
