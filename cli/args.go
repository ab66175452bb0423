package cli

import (
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"aws-credproc/profiles"
)

// noArguments requires that there are none.
func noArguments(_ *cobra.Command, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("expected no arguments, got %d", len(args))
	}
	return nil
}

// oneProfile requires exactly one profile name.
func oneProfile(_ *cobra.Command, args []string) error {
	switch len(args) {
	case 0:
		return errors.New("the profile is missing; AWS_PROFILE is not used in its place")
	case 1:
		return notEmpty(args)
	}
	return fmt.Errorf("expected 1 profile, got %d", len(args))
}

// anyProfiles accepts any number of profile names.
func anyProfiles(_ *cobra.Command, args []string) error { return notEmpty(args) }

// profilesOrAll requires profile names or --all, not both.
func profilesOrAll(all *bool) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		switch {
		case *all && len(args) > 0:
			return errors.New("--all cannot be combined with profiles")
		case !*all && len(args) == 0:
			return errors.New("name a profile or use --all")
		}
		return notEmpty(args)
	}
}

// notEmpty rejects an empty profile name, such as that of an unset variable in a script.
func notEmpty(names []string) error {
	if slices.Contains(names, "") {
		return errors.New("the profile name is empty")
	}
	return nil
}

// oneSerial requires exactly one serial number of an MFA device.
func oneSerial(_ *cobra.Command, args []string) error {
	switch len(args) {
	case 0:
		return errors.New("the serial number of the MFA device is missing: its ARN, as in mfa_serial")
	case 1:
		return profiles.CheckMFASerial(args[0])
	}
	return fmt.Errorf("expected 1 MFA device, got %d", len(args))
}

// profileAndCommand requires one profile, and a command only after "--", so that the command's
// flags are not read as flags of this program.
func profileAndCommand(cmd *cobra.Command, args []string) error {
	switch dash := cmd.ArgsLenAtDash(); {
	case dash >= 0:
		return oneProfile(cmd, args[:dash])
	case len(args) > 1:
		return errors.New("put -- before the command: exec PROFILE -- CMD")
	}
	return oneProfile(cmd, args)
}
