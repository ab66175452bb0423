package cli

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"aws-credproc/cache"
	"aws-credproc/credproc/plan"
	"aws-credproc/internal/diag"
)

// exportForm writes credentials in one of the forms of `export --format`.
type exportForm struct {
	name  string
	write func(s cache.Session, region string) ([]byte, error)
}

var exportForms = []exportForm{
	{"env", shellForm(posixUnset, "export %s=%s\n", posixQuoted)},
	{"fish", shellForm(fishUnset, "set -gx %s %s\n", fishQuoted)},
	{"powershell", shellForm(powershellUnset, "$Env:%s = %s\n", powershellQuoted)},
	{"dotenv", dotenvForm},
	{"json", func(s cache.Session, _ string) ([]byte, error) { return plan.Output(s) }},
}

func newExportCmd(a *app) *cobra.Command {
	h := &credentialExport{app: a}
	var names []string
	for _, f := range exportForms {
		names = append(names, f.name)
	}
	var format string
	cmd := &cobra.Command{
		Use:   "export PROFILE",
		Short: "print a profile's credentials for a shell or another tool",
		Long: `Prints the credentials of a profile as commands of a shell (env is for sh, bash and zsh), as the lines of a .env file, or
as JSON, the same as get. A shell also forgets the variables that would come before them.

They are secrets: see that they do not end in a log.`,
		Example: `  eval "$(aws-credproc export dev)"
  aws-credproc export dev --format fish | source
  aws-credproc export dev --format powershell | Out-String | Invoke-Expression
  aws-credproc export dev --format dotenv`,
		Args:              oneProfile,
		ValidArgsFunction: completeProfiles,
		RunE: a.runE(func(ctx context.Context, args []string) error {
			s, region, err := h.credentials(ctx, args[0])
			if err != nil {
				return err
			}
			i := slices.Index(names, format)
			out, err := exportForms[i].write(s, region)
			if err != nil {
				return fmt.Errorf("%s: %w", args[0], err)
			}
			return a.print(out)
		}),
	}
	cmd.PreRunE = func(cmd *cobra.Command, _ []string) error {
		if !slices.Contains(names, format) {
			return fmt.Errorf("--format: %q is none of %s", format, strings.Join(names, ", "))
		}
		return h.checkFlags(cmd)
	}
	h.addFlags(cmd)
	cmd.Flags().StringVar(&format, "format", names[0], strings.Join(names, ", "))
	completeFlag(cmd, "format", names...)
	return cmd
}

// shellForm is that of a shell: the variables that clash are unset, the others set.
func shellForm(unset func(names []string) string, set string, quoted func(string) string) func(cache.Session, string) ([]byte, error) {
	return func(s cache.Session, region string) ([]byte, error) {
		all := append(credentialVariables(s), otherVariables(s, region)...)
		out := []byte(unset(slices.DeleteFunc(slices.Clone(clashing), func(name string) bool {
			return slices.ContainsFunc(all, func(v variable) bool { return v.name == name })
		})))
		for _, v := range all {
			out = fmt.Appendf(out, set, v.name, quoted(v.value))
		}
		return out, nil
	}
}

// posixUnset ends with a semicolon, so that also the lines of an unquoted $( ), joined by spaces, do what they should.
func posixUnset(names []string) string { return "unset " + strings.Join(names, " ") + ";\n" }

// posixQuoted quotes for sh. Within single quotes nothing has a meaning but the quote.
// https://pubs.opengroup.org/onlinepubs/9799919799/utilities/V3_chap02.html#tag_19_02_02
func posixQuoted(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// fishUnset takes the variables that came with the environment, and leaves the universal ones, which are on disk.
func fishUnset(names []string) string { return "set -eg " + strings.Join(names, " ") + "\n" }

// fishQuoted quotes for fish: https://fishshell.com/docs/current/language.html#quotes
func fishQuoted(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(s) + "'"
}

func powershellUnset(names []string) string {
	return "Remove-Item -ErrorAction SilentlyContinue -Path Env:" + strings.Join(names, ",Env:") + "\n"
}

// powershellQuoted quotes for PowerShell, which takes four typographic quotes for the plain one.
// https://learn.microsoft.com/powershell/module/microsoft.powershell.core/about/about_quoting_rules
func powershellQuoted(s string) string {
	var b strings.Builder
	b.WriteByte('\'')
	for _, r := range s {
		if strings.ContainsRune("'\u2018\u2019\u201a\u201b", r) {
			b.WriteRune(r)
		}
		b.WriteRune(r)
	}
	b.WriteByte('\'')
	return b.String()
}

// errNoDotenv says that a value is one that the readers of .env files take in different ways.
var errNoDotenv = &diag.Error{Problem: "a value holds a quote, a backslash or a control character, which each reader of .env files takes in its own way", Hint: "use another --format"}

// dotenvForm is that of a .env file, for which there is no standard. Credentials need no quotes, and docker's --env-file
// takes none away; other text is in single quotes, within which all others agree on what is left.
func dotenvForm(s cache.Session, region string) (out []byte, err error) {
	for _, v := range append(credentialVariables(s), otherVariables(s, region)...) {
		value, err := dotenvQuoted(v.value)
		if err != nil {
			return nil, err
		}
		out = fmt.Appendf(out, "%s=%s\n", v.name, value)
	}
	return out, nil
}

func dotenvQuoted(s string) (string, error) {
	if strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f || strings.ContainsRune("'\"\\`", r) }) {
		return "", errNoDotenv
	}
	if !regexp.MustCompile(`^([A-Za-z0-9+/_.:,@-]*[A-Za-z0-9+/_-]={0,2})?$`).MatchString(s) { // to zsh, a = elsewhere has a meaning
		s = "'" + s + "'"
	}
	return s, nil
}
