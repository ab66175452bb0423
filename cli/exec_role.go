package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"aws-credproc/internal/diag"
	"aws-credproc/profiles"
)

// execRole is a role of the command line, in the place of a profile.
type execRole struct{ arn, source, externalID, mfaSerial string }

func (r *execRole) addFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&r.arn, "role-arn", "", "assume this role, without a profile for it")
	flags.StringVar(&r.source, "source-profile", "", "profile whose credentials assume the role")
	flags.StringVar(&r.externalID, "external-id", "",
		"external ID that the role's trust policy requires")
	flags.StringVar(&r.mfaSerial, "mfa-serial", "", "ARN or serial number of the MFA device")
	completeFlag(cmd, "role-arn")
	completeFlag(cmd, "external-id")
	completeFlagFunc(cmd, "source-profile", func(
		cmd *cobra.Command, _ []string, word string,
	) ([]string, cobra.ShellCompDirective) {
		return completeOtherProfiles(cmd, nil, word)
	})
	completeFlagFunc(cmd, "mfa-serial", func(
		*cobra.Command, []string, string,
	) ([]string, cobra.ShellCompDirective) {
		return configuredSerials(), cobra.ShellCompDirectiveNoFileComp
	})
}

// isSet reports whether there is a role.
func (r *execRole) isSet() bool { return r.arn != "" }

// name returns the name of the role, which is used like that of a profile.
func (r *execRole) name() string { return r.arn[strings.LastIndexByte(r.arn, '/')+1:] }

func (r *execRole) checkFlags(cmd *cobra.Command) error {
	changed := cmd.Flags().Changed
	if !changed("role-arn") {
		for _, flag := range []string{"source-profile", "external-id", "mfa-serial"} {
			if changed(flag) {
				return fmt.Errorf("--%s requires --role-arn", flag)
			}
		}
		return nil
	}
	if err := profiles.CheckRoleARN(r.arn); err != nil {
		return fmt.Errorf("--role-arn: %w", err)
	}
	if r.source == "" {
		return errors.New("--role-arn requires --source-profile")
	}
	if changed("mfa-serial") {
		if err := checkSerial(r.mfaSerial); err != nil {
			return fmt.Errorf("--mfa-serial: %w", err)
		}
	}
	return nil
}

// arguments requires a command only after "--", and no profile.
func (r *execRole) arguments(cmd *cobra.Command, args []string) error {
	switch dash := cmd.ArgsLenAtDash(); {
	case dash > 0 || dash < 0 && len(args) == 1:
		return errors.New("--role-arn cannot be combined with a profile")
	case dash < 0 && len(args) > 1:
		return &diag.Error{Problem: "no -- before the command", Hint: commandHint}
	}
	return nil
}

// chain returns the chain of the role.
func (r *execRole) chain(f *profiles.Files) (profiles.Chain, error) {
	return f.RoleChain(r.name(), map[string]string{
		"role_arn": r.arn, "source_profile": r.source,
		"external_id": r.externalID, "mfa_serial": r.mfaSerial,
	})
}

// withoutProfileHint removes a hint with a command for the profile of the role, which does not
// exist.
func (r *execRole) withoutProfileHint(err error) error {
	var e *diag.Error
	if r.isSet() && errors.As(err, &e) && strings.Contains(e.Hint, "aws-credproc ") &&
		strings.Contains(e.Hint, profiles.Argument(r.name())) {
		e.Hint = ""
	}
	return err
}
