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

	"aws-credproc/credproc"
	"aws-credproc/credproc/plan"
	"aws-credproc/internal/tui"
)

func newExplainCmd(a *app) *cobra.Command {
	var asJSON, policies bool
	cmd := &cobra.Command{
		Use:   "explain PROFILE",
		Short: "show the chain behind a profile and what would be sent",
		Long: `Shows where a profile's credentials come from, which roles are assumed with them and at which endpoint, without
sending anything and without opening a secret.

--policies adds, for each role, the two documents that must allow it: the caller's identity policy, and the role's trust
policy with the external ID and the MFA condition that the profile implies.`,
		Example:           "  aws-credproc explain dev-role\n  aws-credproc explain --policies dev-role\n  aws-credproc explain --json dev-role",
		Args:              oneProfile,
		ValidArgsFunction: completeProfiles,
		RunE: a.runE(func(ctx context.Context, args []string) error {
			chain, r, err := a.chain(args[0])
			if err != nil {
				return err
			}
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
			text, err := policiesText(x.Policies)
			if err != nil {
				return err
			}
			return a.print(append(explanation(x, time.Now()), text...))
		}),
	}
	cmd.Flags().BoolVar(&policies, "policies", false, "print the IAM policy documents that it needs")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// explanation draws a chain from its source down to the last role.
func explanation(x credproc.Explanation, now time.Time) []byte {
	var out []string
	for i, e := range x.Chain {
		indent := strings.Repeat("   ", i)
		if i > 0 {
			indent = strings.Repeat("   ", i-1) + "-> "
		}
		what := e.Type
		switch {
		case i == 0:
			what += " credentials"
		case e.Type == plan.TypeSessionToken:
			what = "get a session for the MFA device, for every role"
		default:
			what = "assume role " + e.RoleARN
		}
		out = append(out, indent+what+"  [profile "+e.Profile+"]")
		for _, d := range details(e, i == 0) {
			out = append(out, strings.Repeat("   ", i)+"   "+d)
		}
		if e.Expires != nil {
			out = append(out, strings.Repeat("   ", i)+"   cached: "+tui.Left(*e.Expires, now)+" left")
		}
	}
	out = append(out, "")
	session := "none cached"
	if x.Expires != nil {
		session = "cached in store " + x.Store + " until " + x.Expires.Local().Format("2006-01-02 15:04:05 MST")
	} else if x.CacheKey == nil {
		session = "static keys, never cached"
	}
	from := func(what, where, otherwise string) string {
		if where == "" {
			where = otherwise
		}
		return what + "  (" + where + ")"
	}
	store := x.Store
	if x.StoreReason != "" {
		store = from(x.Store, x.StoreReason, "")
	}
	for _, row := range [][2]string{
		{"profile", x.Profile}, {"region", from(x.Region, x.RegionFrom, "none is set: the default")},
		{"STS", from(x.STSEndpoint, x.STSEndpointFrom, "of the region")}, {"store", store}, {"session", session},
	} {
		out = append(out, fmt.Sprintf("%-8s %s", row[0], row[1]))
	}
	return tui.Lines(out)
}

// policiesText shows the documents in a form to be pasted.
func policiesText(all []plan.RolePolicies) ([]byte, error) {
	var out bytes.Buffer
	for _, p := range all {
		for _, d := range []struct {
			title    string
			document plan.PolicyDocument
		}{
			{"identity policy of the caller, " + p.Caller, p.Identity},
			{"trust policy of the role, " + p.RoleARN, p.Trust},
		} {
			text, err := json.MarshalIndent(d.document, "", "  ")
			if err != nil {
				return nil, err
			}
			out.WriteString("\n" + printable(d.title) + ":\n\n" + string(text) + "\n")
		}
	}
	return out.Bytes(), nil
}

// details gives what an element sets beside its type.
func details(e credproc.Element, isSource bool) (out []string) {
	role := e.RoleARN
	if !isSource {
		role = "" // it is in the headline
	}
	duration := ""
	if e.DurationSeconds != 0 {
		duration = fmt.Sprint(e.DurationSeconds)
	}
	for _, d := range [][2]string{
		{"access key", e.AccessKeyID}, {"account", e.AccountID}, {"from", e.Location}, {"command", e.Command},
		{"SSO session", e.SSOSession}, {"SSO start URL", e.SSOStartURL}, {"SSO region", e.SSORegion},
		{"SSO account", e.SSOAccountID}, {"SSO role", e.SSORoleName},
		{"login session", e.LoginSession}, {"role", role}, {"token file", e.WebIdentityTokenFile}, {"token command", e.WebIdentityTokenProcess},
		{"session name", e.RoleSessionName}, {"external ID", e.ExternalID}, {"duration", duration}, {"MFA device", e.MFASerial},
		{"source identity", e.SourceIdentity}, {"tags", tags(e.SessionTags)}, {"transitive tags", strings.Join(e.TransitiveTagKeys, ", ")},
		{"policy", e.Policy}, {"policies", strings.Join(e.PolicyARNs, ", ")},
	} {
		if d[1] != "" {
			out = append(out, d[0]+": "+d[1])
		}
	}
	return out
}

// tags gives session tags as a line, by their keys.
func tags(all map[string]string) string {
	var pairs []string
	for _, key := range slices.Sorted(maps.Keys(all)) {
		pairs = append(pairs, key+"="+all[key])
	}
	return strings.Join(pairs, ", ")
}
