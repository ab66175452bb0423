package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"aws-credproc/cache"
	"aws-credproc/credproc"
	"aws-credproc/internal/tui"
)

func newWhoamiCmd(a *app) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "whoami PROFILE",
		Short: "Show whose credentials a profile has, as AWS reports it",
		Long: `Gets the credentials of a profile, as get does, and asks STS whose they are
(GetCallerIdentity, which needs no permission). Prints the account, the ARN, the user
ID, and when the credentials expire.`,
		Example:           "  aws-credproc whoami dev\n  aws-credproc whoami dev --json",
		Args:              oneProfile,
		ValidArgsFunction: completeProfiles,
		RunE: a.runE(func(ctx context.Context, args []string) error {
			startChosenKeyring(ctx, a)
			s, chain, r, err := a.credentialsOf(ctx, args[0])
			if err != nil {
				return err
			}
			caller, err := r.Whoami(ctx, chain, s)
			if err != nil {
				return err
			}
			if asJSON {
				return a.printJSON(whoamiJSON(caller, s))
			}
			return a.print(whoamiPage(caller, s, time.Now()))
		}),
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// whoamiOutput is what `whoami --json` prints, which is a public interface.
type whoamiOutput struct {
	Account string     `json:"account"`
	ARN     string     `json:"arn"`
	UserID  string     `json:"user_id"`
	Expires *time.Time `json:"expires"` // null for long-term credentials
}

func whoamiJSON(c credproc.Caller, s cache.Session) whoamiOutput {
	out := whoamiOutput{Account: c.Account, ARN: c.ARN, UserID: c.UserID}
	if !s.Expiration.IsZero() {
		out.Expires = &s.Expiration
	}
	return out
}

func whoamiPage(c credproc.Caller, s cache.Session, now time.Time) []byte {
	expires := "never (long-term credentials)"
	if !s.Expiration.IsZero() {
		expires = fmt.Sprintf("in %s, at %s", tui.TimeLeft(s.Expiration, now),
			s.Expiration.UTC().Format(time.RFC3339))
	}
	var page strings.Builder
	for _, row := range [][2]string{
		{"account", c.Account}, {"arn", c.ARN}, {"user ID", c.UserID}, {"expires", expires},
	} {
		fmt.Fprintf(&page, "%-8s %s\n", row[0], row[1])
	}
	return []byte(page.String())
}
