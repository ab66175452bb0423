package credproc

import (
	"strings"

	"aws-credproc/credproc/plan"
	"aws-credproc/internal/awsregion"
	"aws-credproc/profiles"
)

// hint returns what to do about an error code of STS, and "" if that is unknown.
// https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html
func (c stsCall) hint(code, message string) string {
	check := "check the settings of [profile " + c.hop.Profile + "]"
	if key := c.quotedKey(); key != "" && code != "AccessDenied" {
		return "remove the quotes from " + key + " in [profile " + c.source.Profile + "]"
	}
	switch code {
	case "AccessDenied", "AccessDeniedException":
		return c.hintForDenial(message)
	case "InvalidClientTokenId", "UnrecognizedClientException":
		return c.hintForKey()
	case "SignatureDoesNotMatch":
		if strings.Contains(message, "valid region") {
			setting := regionSetting(c.endpoint, c.profile)
			if awsregion.IsKnown(c.endpoint.Region) {
				return "correct " + setting
			}
			return awsregion.Hint(c.endpoint.Region, setting)
		}
		return "check the secret access key of profile " + c.caller
	case "ExpiredToken", "ExpiredTokenException":
		return "replace the credentials of profile " + c.caller + ", which have expired"
	case "RegionDisabledException":
		return "activate STS for the region in the account, or set another region in [profile " +
			c.profile + "]"
	case "ValidationError":
		if strings.Contains(message, "role chaining") {
			return "remove duration_seconds from [profile " + c.hop.Profile + "], or use a --duration " +
				"of an hour or less: AWS allows no more for a role that is assumed with a session"
		}
		if strings.Contains(message, "MaxSessionDuration") {
			return "use a shorter --duration or duration_seconds in [profile " + c.hop.Profile + "], " +
				"or increase the role's maximum session duration"
		}
		return check
	case "MalformedPolicyDocument", "PackedPolicyTooLarge", "InvalidParameterValue":
		return check
	}
	return ""
}

// hintForDenial returns which policies to look at. A message names the policy only if that denies
// explicitly, or belongs to the account of the caller.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
func (c stsCall) hintForDenial(message string) string {
	for _, policy := range []string{
		"service control policy", "resource control policy", "permissions boundary",
		"session policy", "VPC endpoint policy",
	} {
		if strings.Contains(message, policy) {
			return "the " + policy + " must allow it"
		}
	}
	hint := "aws-credproc explain --policies " + profiles.Argument(c.profile) +
		" prints the two policies that must allow it"
	if c.mistyped != "" {
		return c.mistyped + " Otherwise " + hint
	}
	if c.sourceDevice != "" && c.hop.MFASerial == "" {
		return "if the role requires MFA, add mfa_serial = " + c.sourceDevice + " to [profile " +
			c.hop.Profile + "], which does not inherit it from [profile " + c.source.Profile +
			"]; otherwise " + hint
	}
	caller, _, _ := cutDenial(message)
	sameAccount := plan.AccountOf(caller) != "" &&
		plan.AccountOf(caller) == plan.AccountOf(c.hop.RoleARN)
	isTrust := !strings.Contains(message, "identity-based policy")
	switch {
	case !isTrust || sameAccount && c.hop.ExternalID == "":
	case c.hop.ExternalID != "":
		hint += "; check external_id in [profile " + c.hop.Profile + "]"
	default:
		hint += "; if the role requires an external ID, set external_id in [profile " +
			c.hop.Profile + "]"
	}
	return hint
}

// quotedKey returns the setting of the caller's long-term keys that is in quotes, or "".
func (c stsCall) quotedKey() string {
	if c.source.Type != profiles.Static || c.caller != c.source.Profile {
		return ""
	}
	switch {
	case profiles.IsQuoted(c.source.AccessKeyID):
		return "aws_access_key_id"
	case profiles.IsQuoted(string(c.source.SecretAccessKey)):
		return "aws_secret_access_key"
	case profiles.IsQuoted(string(c.source.SessionToken)):
		return "aws_session_token"
	}
	return ""
}

func (c stsCall) hintForKey() string {
	hint := "AWS does not know the access key of profile " + c.caller + ", or it is inactive"
	switch {
	case c.source.Type == profiles.Keyring:
		hint += ": add a new one to the credentials file as [" + c.source.Profile +
			"], then run aws-credproc import " + profiles.Argument(c.source.Profile)
	case c.source.Location != "":
		hint += ": replace it in the " + c.source.Location
	}
	return hint
}

// hintForMFA is the hint for a message that begins with mfaFailed.
func hintForMFA(message string, h profiles.Hop) string {
	switch {
	case strings.Contains(message, "invalid MFA one time pass code"):
		return "wait for the next code, because AWS accepts each one once, and check the device's clock"
	case strings.Contains(message, "unable to validate"):
		return "set mfa_serial in [profile " + h.Profile + "] to a device of the user; " +
			"aws iam list-mfa-devices lists them"
	}
	return "add mfa_serial to [profile " + h.Profile + "]"
}

// hintForToken is the hint for AssumeRoleWithWebIdentity.
// https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html#API_AssumeRoleWithWebIdentity_Errors
func (c stsCall) hintForToken(code string) string {
	switch code {
	case "AccessDenied":
		return "the role's trust policy must allow sts:AssumeRoleWithWebIdentity " +
			"for the provider, audience and subject of the token"
	case "ExpiredToken", "ExpiredTokenException":
		return "get a new token"
	case "InvalidIdentityToken", "IDPRejectedClaim":
		return "add the token's issuer and audience to the account as an IAM OIDC provider"
	}
	c.profile, c.caller, c.source = c.hop.Profile, c.hop.Profile, profiles.Source{}
	return c.hint(code, "")
}
