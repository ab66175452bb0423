package cli

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"aws-credproc/credproc/plan"
)

// getName is the command that the AWS SDKs start.
const getName = "get"

func newGetCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   getName + " PROFILE",
		Short: "Print the credentials of a profile as credential_process JSON",
		Long: `Prints the credentials of a profile in the format that the AWS CLI and the SDKs read
from a credential_process. If the cache holds a usable session, it is printed without
a network call. Otherwise the role is assumed and the session is cached.

If stdout and stderr are the same pipe, socket or file (2>&1), nothing is written to
stderr on success: some SDKs would not find the JSON. Warnings are also in
"aws-credproc status".

The profile is an argument. AWS_PROFILE is ignored, because the profile that it names
may run this command.`,
		Example:           "  aws-credproc get dev-role",
		Args:              oneProfile,
		ValidArgsFunction: completeProfiles,
		// The resolver handles signals once it has to wait.
		RunE: a.withDeadline(func(ctx context.Context, args []string) error {
			s, chain, r, err := a.credentialsOf(ctx, args[0])
			if err != nil {
				return err
			}
			out, err := plan.Output(s, time.Now())
			if err != nil {
				return err
			}
			if err := a.print(out); err != nil {
				return err
			}
			renewInBackground(a, r, chain, s)
			return nil
		}),
	}
}
