package credproc

import (
	"fmt"
	"strings"

	"aws-credproc/profiles"
)

// hint returns what to do about an error code of STS, and "" if that is unknown.
// https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html
func (c stsCall) hint(code, message string) string {
	correct := "correct the settings of [profile " + c.hop.Profile + "]"
	switch code {
	case "AccessDenied", "AccessDeniedException":
		return c.hintForDenial(message)
	case "InvalidClientTokenId", "UnrecognizedClientException":
		return c.hintForKey()
	case "SignatureDoesNotMatch":
		if strings.Contains(message, "valid region") {
			return "the region, which [profile " + c.profile + "] or AWS_REGION names, is none of STS: correct it"
		}
		return "the secret access key of profile " + c.caller + " is wrong, or this machine's clock is"
	case "ExpiredToken", "ExpiredTokenException":
		return "the session in profile " + c.caller + " is over: put new credentials there"
	case "RegionDisabledException":
		return "activate STS for that region in the account, or set another region in the profile"
	case "ValidationError":
		if strings.Contains(message, "role chaining") {
			return "a role that is assumed from a session, of another role or for an MFA device, lasts an hour at most: remove duration_seconds from [profile " + c.hop.Profile + "]"
		}
		if strings.Contains(message, "MaxSessionDuration") {
			return "ask for less, by duration_seconds in [profile " + c.hop.Profile + "] or by --duration, or let the role allow more"
		}
		return correct
	case "MalformedPolicyDocument", "PackedPolicyTooLarge", "InvalidParameterValue":
		return correct
	}
	return ""
}

func (c stsCall) hintForDenial(message string) string {
	hint := "the caller's policy and the role's trust policy must both allow it, and " + deniedBy(message)
	both := fmt.Sprintf("; aws-credproc explain --policies %s prints both as they must be",
		profiles.Argument(c.profile))
	if c.hop.ExternalID == "" {
		return hint + "; one that asks for an external ID needs external_id in [profile " + c.hop.Profile + "]" + both
	}
	return hint + both + ", with the external_id of [profile " + c.hop.Profile + "]"
}

func (c stsCall) hintForKey() string {
	hint := "AWS does not know the access key of profile " + c.caller + ", or it is inactive"
	switch {
	case c.source.Type == profiles.Keyring:
		hint += ": put a new one into the credentials file as [" + c.source.Profile + "], and run aws-credproc import " + profiles.Argument(c.source.Profile)
	case c.source.Location != "":
		hint += ": correct it in the " + c.source.Location
	}
	return hint
}

// hintForMFA is the hint for a message that begins with mfaFailed.
func hintForMFA(message string, h profiles.Hop) string {
	switch {
	case strings.Contains(message, "invalid MFA one time pass code"):
		return "AWS takes a code once: wait for the next one; and see that the clock of what shows it is right"
	case strings.Contains(message, "unable to validate"):
		return "correct mfa_serial in [profile " + h.Profile + "]: the ARN of a device of the user whose keys these are (aws iam list-mfa-devices)"
	}
	return "add mfa_serial to [profile " + h.Profile + "]"
}

// hintForToken is the hint for AssumeRoleWithWebIdentity.
// https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html#API_AssumeRoleWithWebIdentity_Errors
func (c stsCall) hintForToken(code string) string {
	switch code {
	case "AccessDenied":
		return "the role's trust policy must allow sts:AssumeRoleWithWebIdentity to the token's provider, with conditions that the token meets"
	case "ExpiredToken", "ExpiredTokenException":
		return "the token is over: whoever writes it must write a new one"
	case "InvalidIdentityToken", "IDPRejectedClaim":
		return "the account must know the token's provider and audience (an IAM OIDC provider)"
	}
	c.profile, c.caller, c.source = c.hop.Profile, c.hop.Profile, profiles.Source{}
	return c.hint(code, "")
}

// deniedBy returns which policy probably caused a denial, according to the message of STS. Only
// newer messages name it.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
func deniedBy(message string) string {
	for _, other := range []string{
		"service control policy", "resource control policy", "permissions boundary",
		"session policy", "VPC endpoint policy",
	} {
		if strings.Contains(message, other) {
			return "here a " + other + " stands against it"
		}
	}
	switch {
	case strings.Contains(message, "role trust policy"),
		strings.Contains(message, "resource-based policy"):
		return "here it is the trust policy that does not"
	case strings.Contains(message, "identity-based policy"):
		return "here it is the caller's policy that does not"
	}
	return "probably it is the trust policy that does not"
}
