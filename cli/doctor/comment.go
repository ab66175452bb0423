package doctor

import (
	"slices"
	"strings"

	"aws-credproc/profiles"
)

// inlineComment finds comments after a value.
func inlineComment(x *examination) (found []Finding) {
	for _, r := range x.config.raw {
		for _, l := range r.Lines {
			if !l.HasComment || l.Key != "" && !isRead(l.Key) {
				continue
			}
			f := Finding{
				Severity: Error, Profile: l.Profile, Where: l.Where,
				What: "comment after the value of " + shorten(l.Key+l.Sub),
				Why:  "the AWS CLI and boto3 read it as part of the value",
				Fix:  x.config.withoutComment(l),
			}
			if x.config.cutCommands[l.Where] {
				f.What = l.Key + " contains a # or ; after white space, within quotes"
				f.Why = "aws-credproc and most SDKs read the rest as a comment and cut the command " +
					"there; the AWS CLI and boto3 run the whole command"
				f.Fix = "move the text in quotes into a script, and write the script's full path here"
			}
			found = append(found, f)
		}
	}
	return found
}

// sdkKeys are settings of the AWS CLI and the SDKs that [profiles.IsSetting] does not know.
var sdkKeys = []string{
	"api_versions", "defaults_mode", "endpoint_discovery_enabled", "ignore_configured_endpoint_urls",
	"imds_use_ipv6", "max_attempts", "parameter_validation", "retry_mode", "sdk_ua_app_id",
	"sigv4a_signing_region_set", "tcp_keepalive",
}

// isRead reports whether the AWS CLI, an SDK or aws-credproc reads a setting. A comment after
// others has no effect.
func isRead(key string) bool {
	prefixes := []string{
		"account_id_", "auth_scheme_", "aws_", "cli_", "csm_", "disable_", "ec2_metadata_", "metadata_",
		"request_", "response_", "s3", "sso_", "sts_", "use_", "web_identity_",
	}
	return profiles.IsSetting(key) || slices.Contains(sdkKeys, key) ||
		slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(key, p) })
}

// cutsCommand reports whether the comment on a line starts within quotes of a command.
func (c *config) cutsCommand(l profiles.RawLine) bool {
	value, ok := c.valueAt(l)
	return l.HasComment && ok && strings.HasSuffix(l.Key, "_process") && hasOpenQuote(value)
}

// hasOpenQuote reports whether a command ends within quotes.
func hasOpenQuote(command string) bool {
	var quote byte
	for i := range len(command) {
		switch c := command[i]; {
		case c == quote:
			quote = 0
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
		}
	}
	return quote != 0
}

// withoutComment returns the fix for a line with a comment. It shows the corrected line, unless
// that may contain a secret.
func (c *config) withoutComment(l profiles.RawLine) string {
	const prose = "move the comment to a line of its own"
	value, ok := c.valueAt(l)
	if !ok || value == "" || strings.Contains(value, "\n") || c.mayHoldSecret(l, value) {
		return prose
	}
	return write(prose+", so that this line is", l.Key+" = "+value)
}

// mayHoldSecret reports whether the value of a line may contain a secret. Commands other than
// aws-credproc may take a password as an argument.
func (c *config) mayHoldSecret(l profiles.RawLine, value string) bool {
	_, ours := profiles.ProcessWords(c.sections[l.Profile])
	return profiles.ShownValue(l.Key, value) != value ||
		strings.HasSuffix(l.Key, "_process") && !(ours && l.Key == "credential_process")
}
