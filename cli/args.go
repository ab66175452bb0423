package cli

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"aws-credproc/internal/diag"
	"aws-credproc/profiles"
)

// noArguments requires that there are none.
func noArguments(_ *cobra.Command, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("expected no arguments, got %d", len(args))
	}
	return nil
}

// missingProfile is the usage error of a command that was started without its profile: see
// offerProfiles.
type missingProfile string

func (m missingProfile) Error() string { return string(m) }

const errMissingProfile = missingProfile(
	"the profile is missing; AWS_PROFILE is not used in its place")

// oneProfile requires exactly one profile name.
func oneProfile(_ *cobra.Command, args []string) error {
	switch len(args) {
	case 0:
		return errMissingProfile
	case 1:
		return notEmpty(args)
	}
	return fmt.Errorf("expected 1 profile, got %d", len(args))
}

// anyProfiles accepts any number of profile names.
func anyProfiles(_ *cobra.Command, args []string) error { return notEmpty(args) }

// profilesOrAll requires profile names or --all, not both. expired, if it is not nil, is --expired,
// which can be in the place of --all.
func profilesOrAll(all, expired *bool) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		switch {
		case expired != nil && *expired && *all:
			return errors.New("--all cannot be combined with --expired")
		case expired != nil && *expired && len(args) > 0:
			return errors.New("--expired cannot be combined with profiles")
		case expired != nil && *expired:
			return nil
		case *all && len(args) > 0:
			return errors.New("--all cannot be combined with profiles")
		case !*all && len(args) == 0:
			return missingProfile("name a profile or use --all")
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
		return checkSerial(args[0])
	}
	return fmt.Errorf("expected 1 MFA device, got %d", len(args))
}

// checkSerial returns an error if serial cannot be that of an MFA device. A name alone, as in
// arn:aws:iam::123456789012:mfa/NAME, is refused; a device in the config that has it is suggested. The
// serial number of a hardware device has digits.
func checkSerial(serial string) error {
	known := configuredSerials()
	if slices.Contains(known, serial) {
		return nil
	}
	isName := func(r rune) bool { return r == '/' || r == ':' || '0' <= r && r <= '9' }
	if serial != "" && (len(serial) < minSerial || !strings.ContainsFunc(serial, isName)) {
		e := &diag.Error{
			Problem: fmt.Sprintf("%q is not the ARN or serial number of an MFA device", serial),
			Hint:    "give the device's ARN, as in mfa_serial: arn:aws:iam::123456789012:mfa/NAME",
		}
		for _, arn := range known {
			if strings.HasSuffix(arn, "/"+serial) {
				e.Hint = "give the device's ARN: " + arn
			}
		}
		return e
	}
	return profiles.CheckMFASerial(serial)
}

// minSerial is the shortest serial number that AWS allows.
// https://docs.aws.amazon.com/STS/latest/APIReference/API_GetSessionToken.html
const minSerial = 9

// configuredSerials returns the MFA devices in the config files, as far as those can be read.
func configuredSerials() (serials []string) {
	f, err := profiles.Load(profiles.Paths(os.Getenv))
	if err != nil {
		return nil
	}
	for _, name := range f.Names() {
		if p, err := f.Profile(name); err == nil && p.Get("mfa_serial") != "" {
			serials = append(serials, p.Get("mfa_serial"))
		}
	}
	slices.Sort(serials)
	return slices.Compact(serials)
}

// commandHint is the hint for a command whose flags would be taken for those of this program.
const commandHint = "put the command after --: aws-credproc exec PROFILE -- CMD [ARGS...]"

var errNoDashes = errors.New("no -- before the command")

// profileAndCommand requires one profile, and a command only after "--", so that the command's
// flags are not read as flags of this program.
func profileAndCommand(cmd *cobra.Command, args []string) error {
	switch dash := cmd.ArgsLenAtDash(); {
	case dash >= 0:
		return oneProfile(cmd, args[:dash])
	case len(args) > 1:
		return &diag.Error{Err: errNoDashes, Hint: commandHint}
	}
	return oneProfile(cmd, args)
}
