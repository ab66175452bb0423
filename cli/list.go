package cli

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"aws-credproc/internal/tui"
	"aws-credproc/profiles"
)

func newListCmd(a *app) *cobra.Command {
	var asJSON bool
	var filter string
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List all profiles",
		Long: `Lists the profiles and SSO sessions of both config files as they are read, even
those that cannot work.

SOURCE is where the credentials come from. For a role, it is the source profile.
A line such as "dev -> dev-role" shows a profile that is set up to use aws-credproc,
and the profile that holds its role settings.`,
		Example: `  aws-credproc list
  aws-credproc list --filter prod
  aws-credproc list --json`,
		Args:              noArguments,
		ValidArgsFunction: completeProfiles,
		RunE: a.runE(func(context.Context, []string) error {
			f, err := a.files()
			if err != nil {
				return err
			}
			a.warnOfNoHome()
			all, sessions, failed := f.List()
			rows := slices.DeleteFunc(listRows(all), func(r listRow) bool { return !r.contains(filter) })
			sessions = slices.DeleteFunc(sessions, func(s profiles.SessionSummary) bool {
				return !contains(filter, s.Name, s.Properties["sso_start_url"], s.Properties["sso_region"])
			})
			if asJSON {
				err = a.printJSON(map[string]any{
					"profiles": profilesOf(all, rows), "sso_sessions": sessions,
				})
			} else {
				err = a.print(listPage(rows, sessions, filter, a.screen()))
			}
			return cmp.Or(err, failed)
		}),
	}
	cmd.Flags().StringVar(&filter, "filter", "",
		"show the profiles that have `TEXT` in one of the columns, in upper or lower case")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	completeFlag(cmd, "filter")
	return cmd
}

// listRow is a profile, or a wired profile and its target.
type listRow struct {
	profile, target string // target is "" if the profile is not wired to another one
	identity
	source string // where the credentials come from
	region string
}

// listRows returns the rows of the table. The target of a wired profile has no row of its own.
func listRows(all []profiles.Summary) (rows []listRow) {
	byName := map[string]profiles.Summary{}
	isTarget := map[string]bool{}
	for _, p := range all {
		byName[p.Name] = p
		if p.Wired && p.Source != p.Name {
			isTarget[p.Source] = true
		}
	}
	for _, p := range all {
		target, found := byName[p.Source]
		switch {
		case isTarget[p.Name] && !p.Wired:
		case !p.Wired || p.Source == p.Name || p.Kind == string(profiles.Keyring):
			rows = append(rows, rowOf(p))
		case !found:
			rows = append(rows, listRow{
				profile: p.Name, target: p.Source, source: "not found", region: p.Properties["region"],
			})
		default:
			row := rowOf(target)
			row.profile, row.target = p.Name, target.Name
			row.region = cmp.Or(p.Properties["region"], row.region)
			rows = append(rows, row)
		}
	}
	return rows
}

// rowOf returns the row of a profile by its own settings.
func rowOf(p profiles.Summary) listRow {
	get := func(key string) string { return p.Properties[key] }
	row := listRow{
		profile: p.Name, source: kindText(p.Kind), region: get("region"),
		identity: identity{account: get("aws_account_id")},
	}
	switch p.Kind {
	case profiles.KindAssumeRole:
		row.identity = roleIdentity(get("role_arn"))
		row.source = cmp.Or(get("source_profile"), credentialSourceText(get("credential_source")))
	case string(profiles.Static):
		if p.Source != "" {
			row.source = "session of " + p.Source
		}
	case string(profiles.WebIdentity):
		row.identity = roleIdentity(get("role_arn"))
	case string(profiles.SSO):
		row.identity = identity{get("sso_account_id"), get("sso_role_name")}
		row.source = strings.TrimSpace("SSO " + get("sso_session"))
	case string(profiles.Process):
		row.source = "command " + programOf(get("credential_process"))
	}
	return row
}

// credentialSourceText returns the words for a value of credential_source.
func credentialSourceText(value string) string {
	switch value {
	case "Environment":
		return kindText(string(profiles.Environment))
	case "Ec2InstanceMetadata":
		return kindText(string(profiles.EC2Metadata))
	case "EcsContainer":
		return kindText(string(profiles.ECSMetadata))
	}
	return value
}

// programOf returns the name of the program that a command line starts.
func programOf(command string) string {
	words := profiles.CommandWords(command)
	if len(words) == 0 {
		return ""
	}
	program := strings.ReplaceAll(words[0], `\`, "/")
	return program[strings.LastIndexByte(program, '/')+1:]
}

// name returns the profile and its target.
func (r listRow) name() string {
	if r.target == "" {
		return r.profile
	}
	return r.profile + " -> " + r.target
}

func (r listRow) cells() []string {
	cells := []string{r.name(), r.account, r.role, r.source, r.region}
	for i, cell := range cells {
		cells[i] = cmp.Or(cell, "-")
	}
	return cells
}

func (r listRow) contains(filter string) bool { return contains(filter, r.cells()...) }

// contains reports whether one of the texts contains filter, in upper or lower case.
func contains(filter string, texts ...string) bool {
	filter = strings.ToLower(filter)
	return slices.ContainsFunc(texts, func(text string) bool {
		return strings.Contains(strings.ToLower(text), filter)
	})
}

// profilesOf returns the profiles that the rows show.
func profilesOf(all []profiles.Summary, rows []listRow) []profiles.Summary {
	shown := map[string]bool{}
	for _, r := range rows {
		shown[r.profile], shown[r.target] = true, true
	}
	return slices.DeleteFunc(all, func(p profiles.Summary) bool { return !shown[p.Name] })
}

// listPage returns the page of `list`.
func listPage(
	rows []listRow, sessions []profiles.SessionSummary, filter string, to tui.Screen,
) []byte {
	page := []byte("No profiles. aws-credproc doctor shows why.\n")
	switch {
	case len(rows) > 0:
		page = listTable(rows, to).Render(to.Width)
	case filter != "":
		page = fmt.Appendf(nil, "No profiles with %q\n", filter)
	}
	if len(sessions) > 0 {
		var names []string
		for _, s := range sessions {
			names = append(names, s.Name)
		}
		lines := tui.Hanging("SSO sessions: ", strings.Join(names, ", "), to.Width)
		page = append(page, "\n"+strings.Join(lines, "\n")+"\n"...)
	}
	return page
}

func listTable(rows []listRow, to tui.Screen) tui.Table {
	t := tui.Table{
		Rows:   [][]string{{"PROFILE", "ACCOUNT", "ROLE", "SOURCE", "REGION"}},
		Shrink: []int{0, 2, 3},
		Paint:  to.PaintTitles,
	}
	for _, r := range rows {
		t.Rows = append(t.Rows, r.cells())
	}
	return t
}
