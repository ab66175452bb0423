package profiles

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// These checks find what is certainly not an IAM ARN, to warn of a mistake early. A chain resolves
// all the same: STS decides, and other services that speak its protocol have other ARNs.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-arns

// isARN reports whether a value has the form of an ARN.
func isARN(value string) bool {
	parts := strings.SplitN(value, ":", 6)
	return len(parts) == 6 && parts[0] == "arn" &&
		parts[1] != "" && parts[2] != "" && parts[5] != "" && isPrintable(value)
}

// IsAccountID reports whether s has the form of an AWS account ID.
func IsAccountID(s string) bool { return len(s) == 12 && strings.Trim(s, "0123456789") == "" }

// isPartition reports whether s has the form of the name of a partition: aws, or aws-us-gov.
func isPartition(s string) bool {
	words := strings.Split(s, "-")
	return words[0] == "aws" && !slices.Contains(words, "") &&
		strings.Trim(s, "abcdefghijklmnopqrstuvwxyz-") == ""
}

// isRoleName reports whether s has the form of the name of a role, without its path.
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html
func isRoleName(s string) bool {
	return 1 <= len(s) && len(s) <= 64 && !strings.ContainsFunc(s, func(r rune) bool {
		return !isAlphanumeric(r) && !strings.ContainsRune("_+=,.@-", r)
	})
}

// CheckRoleARN returns an error if arn is certainly not the ARN of a role, which has the form
// arn:aws:iam::123456789012:role/NAME.
func CheckRoleARN(arn string) error {
	if !isARN(arn) {
		return errors.New("not an ARN")
	}
	parts := strings.SplitN(arn, ":", 6)
	name, isRole := strings.CutPrefix(parts[5], "role/")
	name = name[strings.LastIndexByte(name, '/')+1:]
	switch err := checkIAM(parts); {
	case parts[2] == "sts" && strings.HasPrefix(parts[5], "assumed-role/"):
		return errors.New("the ARN of a role session, not of a role")
	case parts[2] != "iam":
		return fmt.Errorf("the service is %q, not iam", shorten(parts[2], 20))
	case err != nil:
		return err
	case !isRole:
		return errors.New("not the ARN of a role, which ends with role/NAME")
	case name == "":
		return errors.New("no role name")
	case !isRoleName(name):
		return errors.New("invalid role name (AWS allows 1 to 64 letters, digits and _+=,.@-)")
	}
	return nil
}

// CheckMFAARN returns an error if serial is certainly neither the ARN of an MFA device, which has
// the form arn:aws:iam::123456789012:mfa/NAME, nor the serial number of one.
func CheckMFAARN(serial string) error {
	if !strings.HasPrefix(serial, "arn:") {
		if strings.ContainsAny(serial, "/:") {
			return errors.New("not an ARN or serial number")
		}
		return nil
	}
	if !isARN(serial) {
		return errors.New("not an ARN")
	}
	parts := strings.SplitN(serial, ":", 6)
	kind, name, _ := strings.Cut(parts[5], "/")
	switch err := checkIAM(parts); {
	case parts[2] != "iam":
		return fmt.Errorf("the service is %q, not iam", shorten(parts[2], 20))
	case err != nil:
		return err
	case kind == "u2f":
		return errors.New("the ARN of a security key, which has no codes")
	case kind != "mfa" && kind != "sms-mfa" || name == "":
		return errors.New("not the ARN of an MFA device, which ends with mfa/NAME")
	}
	return nil
}

// checkIAM checks the partition, region and account of an IAM ARN.
func checkIAM(parts []string) error {
	switch {
	case !isPartition(parts[1]):
		return fmt.Errorf("unknown partition %q", shorten(parts[1], 20))
	case parts[3] != "":
		return fmt.Errorf("it has a region, %q, and IAM is global", shorten(parts[3], 20))
	case !IsAccountID(parts[4]):
		return fmt.Errorf("the account ID %q is not 12 digits", shorten(parts[4], 20))
	}
	return nil
}
