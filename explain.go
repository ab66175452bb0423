package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"aws-credproc/credproc"
)

func (a *app) explainCommand() *cobra.Command {
	var asJSON bool
	cmd := a.command("explain PROFILE", "show the chain behind a profile and what would be sent",
		`Shows where a profile's credentials come from, which roles are assumed with them and at which endpoint, without
sending anything and without opening a secret.`,
		"  aws-credproc explain dev-role\n  aws-credproc explain --json dev-role", oneProfile,
		func(ctx context.Context, args []string) error {
			chain, r, err := a.chain(args[0])
			if err != nil {
				return err
			}
			x, err := r.Explain(ctx, chain)
			if err != nil {
				return err
			}
			if asJSON {
				return a.printJSON(x)
			}
			return a.print(explanation(x))
		})
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// explanation draws a chain from its source down to the last role.
func explanation(x credproc.Explanation) []byte {
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
		case e.Type == credproc.TypeSessionToken:
			what = "get a session for the MFA device, for every role"
		default:
			what = "assume role " + e.RoleARN
		}
		out = append(out, indent+what+"  [profile "+e.Profile+"]")
		for _, d := range details(e, i == 0) {
			out = append(out, strings.Repeat("   ", i)+"   "+d)
		}
	}
	out = append(out, "")
	session := "none cached"
	if x.Expires != nil {
		session = "cached in store " + x.Store + " until " + x.Expires.Local().Format("2006-01-02 15:04:05 MST")
	} else if x.CacheKey == nil {
		session = "static keys, never cached"
	}
	for _, row := range [][2]string{{"profile", x.Profile}, {"region", x.Region}, {"STS", x.STSEndpoint}, {"store", x.Store}, {"session", session}} {
		out = append(out, fmt.Sprintf("%-8s %s", row[0], row[1]))
	}
	return lines(out)
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
