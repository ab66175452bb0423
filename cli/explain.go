package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"aws-credproc/cli/doctor"
	"aws-credproc/credproc"
	"aws-credproc/credproc/plan"
	"aws-credproc/internal/files"
	"aws-credproc/internal/tui"
	"aws-credproc/profiles"
)

func newExplainCmd(a *app) *cobra.Command {
	var asJSON, policies bool
	cmd := &cobra.Command{
		Use:   "explain PROFILE",
		Short: "Show the role chain of a profile and what would be sent",
		Long: `Shows where the credentials of a profile come from, which roles are assumed with
them, and at which endpoint. It sends nothing and reads no cached credentials.

--policies also prints the two policies that must allow each role: the identity
policy of the caller, and the trust policy of the role with the external ID and
the MFA condition that the profile implies.`,
		Example: `  aws-credproc explain dev-role
  aws-credproc explain --policies dev-role
  aws-credproc explain --json dev-role`,
		Args:              oneProfile,
		ValidArgsFunction: completeProfiles,
		RunE: a.runE(func(ctx context.Context, args []string) error {
			chain, r, err := a.chain(args[0])
			if err != nil {
				return err
			}
			a.warnOfOtherProgram(args[0])
			x, err := r.Explain(ctx, chain)
			if err != nil {
				return err
			}
			if policies {
				x.Policies = plan.Policies(chain)
			}
			if asJSON {
				return a.printJSON(x)
			}
			out := explanation(x, time.Now(), a.screen())
			if policies {
				text, err := policiesText(x.Policies, a.screen())
				if err != nil {
					return err
				}
				out = append(out, text...)
			}
			return a.print(out)
		}),
	}
	cmd.Flags().BoolVar(&policies, "policies", false, "print the IAM policies that the roles require")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// warnOfOtherProgram warns if a profile counts as wired only by the name of the program that its
// credential_process starts.
func (a *app) warnOfOtherProgram(profile string) {
	f, err := a.files()
	if err != nil {
		return
	}
	p, err := f.Profile(profile)
	if err != nil {
		return
	}
	executable, err := files.Executable()
	if err != nil {
		return
	}
	if path := doctor.OtherProgram(p, executable); path != "" {
		a.warn("credential_process of %s starts %s, which is not a build of this program; "+
			"this is what aws-credproc would do", profile, path)
	}
}

// explanation returns the page of `explain`: the steps of the chain, and the other settings that
// matter.
func explanation(x credproc.Explanation, now time.Time, to tui.Screen) []byte {
	const indent = "     "
	var out []string
	for i, e := range x.Chain {
		number := fmt.Sprintf("%2d. ", i+1)
		for _, line := range tui.Hanging(number, stepTitle(e), to.Width) {
			out = append(out, line[:len(number)]+to.Paint(tui.Bold, line[len(number):]))
		}
		for _, d := range stepDetails(e, x.Chain[:i]) {
			width := to.Width
			if slices.Contains(copied, d[0]) {
				width = 0
			}
			out = append(out, tui.Hanging(indent+d[0]+": ", d[1], width)...)
		}
		if e.Expires != nil && i < len(x.Chain)-1 { // the last one is the session below
			out = append(out, indent+"cached: "+tui.TimeLeft(*e.Expires, now)+" left")
		}
	}
	out = append(out, "")
	for _, row := range [][2]string{
		{"profile", x.Profile},
		{"region", withReason(x.Region, x.RegionFrom, "default")},
		{"STS", withReason(x.STSEndpoint, x.STSEndpointFrom, "default of the region")},
		{"store", withReason(x.Store, x.StoreReason, "")},
		{"session", sessionText(x, now)},
	} {
		if row[0] == "STS" && x.STSEndpoint == "" { // these settings have none, and none is called
			continue
		}
		out = append(out, tui.Hanging(fmt.Sprintf("%-8s ", row[0]), row[1], to.Width)...)
	}
	return []byte(strings.Join(out, "\n") + "\n")
}

// copied are the details that are not wrapped, so that they can be copied.
var copied = []string{"command", "token command", "session policy"}

// withReason returns text with a reason in parentheses, or otherwise if that is not empty.
func withReason(text, reason, otherwise string) string {
	if reason == "" {
		reason = otherwise
	}
	if reason == "" {
		return text
	}
	return text + " (" + reason + ")"
}

// sessionText returns what is known about the session of the profile.
func sessionText(x credproc.Explanation, now time.Time) string {
	switch {
	case x.Expires != nil:
		return fmt.Sprintf("cached, %s left (until %s)", tui.TimeLeft(*x.Expires, now),
			x.Expires.Local().Format("2006-01-02 15:04:05 MST"))
	case x.CacheKey == nil:
		return "none: access keys are not cached"
	}
	return "not cached"
}

// stepTitle returns what a step of a chain does.
func stepTitle(e credproc.Element) string {
	switch profiles.SourceType(e.Type) {
	case profiles.Static:
		return "Access key " + e.AccessKeyID
	case profiles.Keyring:
		return "Access key " + e.AccessKeyID + ", in the keyring"
	case profiles.Environment:
		return "Credentials in environment variables"
	case profiles.EC2Metadata:
		return "Credentials of the EC2 instance"
	case profiles.ECSMetadata:
		return "Credentials of the container"
	case profiles.WebIdentity:
		return "Assume role " + e.RoleARN + " with a web identity token"
	case profiles.SSO:
		return fmt.Sprintf("IAM Identity Center role %s in account %s", e.SSORoleName, e.SSOAccountID)
	case profiles.Login:
		return "Credentials of aws login"
	case profiles.Process:
		return "Credentials of a command"
	case plan.TypeSessionToken:
		return "Get a session with a code of MFA device " + e.MFASerial + ", for all roles"
	case plan.TypeAssumeRole:
		return "Assume role " + e.RoleARN
	}
	return e.Type
}

// stepDetails returns the settings of a step that its title does not have; before are the steps
// before it.
func stepDetails(e credproc.Element, before []credproc.Element) (details [][2]string) {
	duration := ""
	if e.DurationSeconds != 0 {
		duration = fmt.Sprintf("%d seconds", e.DurationSeconds)
	}
	device := e.MFASerial
	hasSession := slices.ContainsFunc(before, func(b credproc.Element) bool {
		return b.Type == plan.TypeSessionToken
	})
	if e.Type == plan.TypeSessionToken || hasSession {
		device = "" // the title has it, or that of the step before
	}
	for _, d := range [][2]string{
		{"profile", e.Profile}, {"account", e.AccountID}, {"from", e.Location}, {"command", e.Command},
		{"SSO session", e.SSOSession}, {"SSO start URL", e.SSOStartURL}, {"SSO region", e.SSORegion},
		{"login session", e.LoginSession}, {"endpoints", endpointsText(e.Endpoints)},
		{"token file", e.WebIdentityTokenFile}, {"token command", e.WebIdentityTokenProcess},
		{"session name", e.RoleSessionName}, {"external ID", e.ExternalID}, {"duration", duration},
		{"MFA device", device}, {"source identity", e.SourceIdentity},
		{"session tags", sessionTags(e.SessionTags)},
		{"transitive tags", strings.Join(e.TransitiveTagKeys, ", ")},
		{"session policy", e.Policy}, {"policy ARNs", strings.Join(e.PolicyARNs, ", ")},
	} {
		if d[1] != "" {
			details = append(details, d)
		}
	}
	return details
}

// endpointsText returns configured endpoints as text.
func endpointsText(all []credproc.ServiceEndpoint) string {
	var texts []string
	for _, e := range all {
		texts = append(texts, e.Service+" "+withReason(e.URL, e.From, ""))
	}
	return strings.Join(texts, ", ")
}

// sessionTags returns session tags as text, ordered by key.
func sessionTags(all map[string]string) string {
	var pairs []string
	for _, key := range slices.Sorted(maps.Keys(all)) {
		pairs = append(pairs, key+"="+all[key])
	}
	return strings.Join(pairs, ", ")
}

// policiesText returns the policies of each role, each document after a heading.
func policiesText(all []plan.RolePolicies, to tui.Screen) ([]byte, error) {
	var out bytes.Buffer
	if len(all) == 0 {
		out.WriteString("\nNo role is assumed, so no policy is required.\n")
	}
	for _, p := range all {
		for _, d := range []struct {
			title    string
			document plan.PolicyDocument
		}{
			{"Identity policy of the caller, " + p.Caller, p.Identity},
			{"Trust policy of the role, " + p.RoleARN, p.Trust},
		} {
			text, err := json.MarshalIndent(d.document, "", "  ")
			if err != nil {
				return nil, err
			}
			for _, line := range tui.Hanging("", d.title+":", to.Width) {
				out.WriteString("\n" + to.Paint(tui.Bold, line))
			}
			out.WriteString("\n\n" + string(text) + "\n")
		}
	}
	return out.Bytes(), nil
}
