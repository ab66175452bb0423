package cli

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"aws-credproc/cache"
	"aws-credproc/credproc/plan"
	"aws-credproc/internal/diag"
)

// exportFormat is a value of --format.
type exportFormat struct {
	name  string
	write func(s cache.Session, region string) ([]byte, error)
}

var exportFormats = []exportFormat{
	{"env", shellFormat(posixUnset, "export %s=%s\n", posixQuote)},
	{"fish", shellFormat(fishUnset, "set -gx %s %s\n", fishQuote)},
	{"powershell", shellFormat(powershellUnset, "$Env:%s = %s\n", powershellQuote)},
	{"dotenv", dotenv},
	{"json", func(s cache.Session, _ string) ([]byte, error) { return plan.Output(s, time.Now()) }},
}

func newExportCmd(a *app) *cobra.Command {
	x := &credentialExport{app: a}
	var names []string
	for _, f := range exportFormats {
		names = append(names, f.name)
	}
	var format, writeTo string
	writes := false
	cmd := &cobra.Command{
		Use:   "export PROFILE",
		Short: "Print the credentials of a profile for a shell",
		Long: `Prints the credentials of a profile as commands for a shell (env is for sh, bash and
zsh), as a .env file, or as the JSON that get prints. The commands also unset
variables that tools would use instead of these credentials.

The output contains secrets. Do not let it get into a log.

With --write-profile NAME, it prints no credentials. It writes the session to the
section [NAME] of the shared credentials file, for tools that read nothing else, and
marks it. Run again, it replaces the section; clear PROFILE removes it. It never
changes a section that it did not write. Long-term access keys are refused; with
--session, they are exchanged for a session of 12 hours, or of --duration.`,
		Example: `  eval "$(aws-credproc export dev)"
  aws-credproc export dev --format fish | source
  aws-credproc export dev --format powershell | Out-String | Invoke-Expression
  aws-credproc export dev --format dotenv
  aws-credproc export dev --write-profile dev-session`,
		Args:              oneProfile,
		ValidArgsFunction: completeProfiles,
		PreRunE: func(cmd *cobra.Command, _ []string) error {
			if !slices.Contains(names, format) {
				return fmt.Errorf("--format: %q is not one of %s", format, strings.Join(names, ", "))
			}
			writes = cmd.Flags().Changed("write-profile")
			switch {
			case writes && cmd.Flags().Changed("format"):
				return errors.New("--format cannot be combined with --write-profile")
			case writes && writeTo == "":
				return errors.New("--write-profile: the name is missing")
			}
			return x.checkFlags(cmd)
		},
		RunE: a.runE(func(ctx context.Context, args []string) error {
			if writes {
				return x.writeProfile(ctx, args[0], writeTo)
			}
			s, region, err := x.credentials(ctx, args[0])
			if err != nil {
				return err
			}
			out, err := exportFormats[slices.Index(names, format)].write(s, region)
			if err != nil {
				return fmt.Errorf("%s: %w", args[0], err)
			}
			return a.print(out)
		}),
	}
	x.addFlags(cmd)
	cmd.Flags().StringVar(&format, "format", names[0], "output format: "+strings.Join(names, ", "))
	completeFlag(cmd, "format", names...)
	cmd.Flags().StringVar(&writeTo, "write-profile", "",
		"write the session to the section [`NAME`] of the credentials file")
	completeFlag(cmd, "write-profile")
	cmd.Flags().BoolVar(&x.session, "session", false,
		"exchange a long-term access key for a session")
	return cmd
}

// shellFormat returns the format of a shell: commands that unset credentialSources and set the
// credentials.
func shellFormat(
	unset func(names []string) string, set string, quote func(string) string,
) func(cache.Session, string) ([]byte, error) {
	return func(s cache.Session, region string) ([]byte, error) {
		all := append(credentialVariables(s), contextVariables(s, region)...)
		remove := slices.DeleteFunc(slices.Clone(credentialSources), func(name string) bool {
			return slices.ContainsFunc(all, func(v variable) bool { return v.name == name })
		})
		out := []byte(unset(remove))
		for _, v := range all {
			out = fmt.Appendf(out, set, v.name, quote(v.value))
		}
		return out, nil
	}
}

// posixUnset ends with a semicolon: an unquoted $(...) joins lines with spaces.
func posixUnset(names []string) string { return "unset " + strings.Join(names, " ") + ";\n" }

// posixQuote quotes s for sh, where only the quote is special within single quotes.
//
// https://pubs.opengroup.org/onlinepubs/9799919799/utilities/V3_chap02.html#tag_19_02_02
func posixQuote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// fishUnset erases global exported variables. It keeps universal variables, which fish stores on
// disk.
func fishUnset(names []string) string { return "set -eg " + strings.Join(names, " ") + "\n" }

// fishQuote quotes s for fish: https://fishshell.com/docs/current/language.html#quotes
func fishQuote(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(s) + "'"
}

func powershellUnset(names []string) string {
	return "Remove-Item -ErrorAction SilentlyContinue -Path Env:" + strings.Join(names, ",Env:") + "\n"
}

// powershellQuote quotes s for PowerShell, which treats four typographic quotes like '.
//
// https://learn.microsoft.com/powershell/module/microsoft.powershell.core/about/about_quoting_rules
func powershellQuote(s string) string {
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

// errNotDotenv is returned for a value that readers of .env files interpret differently.
var errNotDotenv = &diag.Error{
	Problem: "a value has a quote, a backslash or a control character, which readers of .env files " +
		"interpret differently",
	Hint: "use another --format",
}

// dotenv returns a .env file, for which there is no standard. Credentials need no quotes, and
// docker's --env-file removes none. Other text is in single quotes, which all other readers handle
// in the same way.
func dotenv(s cache.Session, region string) (out []byte, err error) {
	for _, v := range append(credentialVariables(s), contextVariables(s, region)...) {
		value, err := dotenvQuote(v.value)
		if err != nil {
			return nil, err
		}
		out = fmt.Appendf(out, "%s=%s\n", v.name, value)
	}
	return out, nil
}

func dotenvQuote(s string) (string, error) {
	isAmbiguous := func(r rune) bool {
		return r < ' ' || r == 0x7f || strings.ContainsRune("'\"\\`", r)
	}
	if strings.ContainsFunc(s, isAmbiguous) {
		return "", errNotDotenv
	}
	// zsh treats an unquoted "=" specially, except at the end of a word.
	plain := regexp.MustCompile(`^([A-Za-z0-9+/_.:,@-]*[A-Za-z0-9+/_-]={0,2})?$`)
	if !plain.MatchString(s) {
		s = "'" + s + "'"
	}
	return s, nil
}
