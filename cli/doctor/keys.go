package doctor

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"aws-credproc/profiles"
)

// staticKeys returns the profiles to check that hold an access key.
func (c *config) staticKeys() (all []profiles.Section) {
	for _, name := range c.names {
		p := c.sections[name]
		if p.Get("aws_access_key_id") != "" && p.Get("aws_secret_access_key") != "" {
			all = append(all, p)
		}
	}
	return all
}

// isTemporary reports whether a profile's key is that of a session, not of a user.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html
func isTemporary(p profiles.Section) bool {
	return p.Get("aws_session_token") != "" || strings.HasPrefix(p.Get("aws_access_key_id"), "ASIA")
}

// longTermKeys finds access keys that do not expire, in a file.
func longTermKeys(x *examination) (found []Finding) {
	for _, p := range x.config.staticKeys() {
		if isTemporary(p) {
			continue
		}
		fix := write("sign in through IAM Identity Center instead, set up with", setupSSO) + "\n" +
			write("or with your console sign-in", "aws login")
		if x.keyring == nil {
			fix += "\n" + write("or move the key into the keyring",
				"aws-credproc import "+profiles.Argument(p.Name))
		}
		found = append(found, Finding{
			Severity: Warning, Profile: p.Name, Where: x.config.place(p, "aws_access_key_id"),
			What: "access key in plain text that does not expire",
			Why:  "any program you run, and anyone with a backup or the disk, can read it and use it",
			Fix:  fix,
		})
	}
	return found
}

// wouldImport reports whether a finding may suggest importRun keys.
func (x *examination) wouldImport() bool {
	for _, p := range x.config.staticKeys() {
		if !isTemporary(p) {
			return true
		}
	}
	for _, p := range x.config.processes {
		if p.ours && p.gets == p.Name {
			return true
		}
	}
	return false
}

// keysAndRole finds static keys in the credentials file under the name of a role in the config
// file. It skips a profile that is its own source_profile, which uses both on purpose.
func keysAndRole(x *examination) (found []Finding) {
	for _, p := range x.config.staticKeys() {
		keys, role := p.Properties["aws_access_key_id"], p.Properties["role_arn"]
		if role.Value == "" || role.File == keys.File || p.Get("source_profile") == p.Name {
			continue
		}
		found = append(found, Finding{
			Severity: Warning, Profile: p.Name, Where: x.config.place(p, "aws_access_key_id"),
			What: "the profile has an access key in one file and a role_arn in the other",
			Why: "as a profile, it is the role; as a source_profile, it is the key for the AWS CLI " +
				"and the role for the Go SDK; and aws-credproc setup refuses it",
			Fix: fmt.Sprintf("rename the section with the key, for example to [%s-keys], and change "+
				"each source_profile that means the key; or remove the key", p.Name),
		})
	}
	return found
}

// longestSession is the longest lifetime that AWS allows, for GetSessionToken.
const longestSession = 36 * time.Hour

// temporaryKeys finds session keys in a file that have expired, or that lack their session token.
func temporaryKeys(x *examination) (found []Finding) {
	written := map[string]profiles.WrittenSession{}
	for _, w := range profiles.WrittenSessions(x.config.files) {
		written[w.Name] = w
	}
	for _, p := range x.config.staticKeys() {
		if !isTemporary(p) {
			continue
		}
		f := Finding{
			Severity: Error, Profile: p.Name, Where: x.config.place(p, "aws_access_key_id"),
			Why: "AWS refuses them (ExpiredToken)",
			Fix: "remove the keys, and configure how to get new ones: with source_profile, " +
				"sso_session or credential_process",
		}
		if w, ok := written[p.Name]; ok {
			f.Fix = write("write a new session", "aws-credproc export "+profiles.Argument(w.Profile)+
				" --write-profile "+profiles.Argument(p.Name)) + "\n" +
				write("or remove it", "aws-credproc clear "+profiles.Argument(p.Name))
			if w.Edited {
				f.Fix = "remove the section [" + p.Name + "]: aws-credproc export has written it, and it was " +
					"edited since"
			}
		}
		switch end, known := expiryOf(p); {
		case p.Get("aws_session_token") == "":
			f.What = "temporary keys without aws_session_token"
			f.Why = "AWS refuses them (InvalidClientTokenId)"
		case known && end.Before(x.env.now()):
			f.What = "temporary keys that expired at " + end.UTC().Format(time.RFC3339)
		case !known && x.isOlder(p, longestSession):
			f.What = "temporary keys that have expired: the file was last changed more than 36 hours " +
				"ago, and no AWS session lasts longer"
		default:
			continue
		}
		found = append(found, f)
	}
	return found
}

// expiryKeys are the keys under which other tools store the expiry of a session.
var expiryKeys = []string{
	"expiration", "aws_expiration", "aws_session_expiration", "aws_credential_expiration",
	"x_security_token_expires", "token_expiration",
}

var expiryFormats = []string{
	time.RFC3339, "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02 15:04:05-07:00",
	"2006-01-02T15:04:05-0700",
}

// expiryOf returns when the session of a profile expires, if the profile has such a key.
func expiryOf(p profiles.Section) (end time.Time, ok bool) {
	for _, key := range expiryKeys {
		value := p.Get(key)
		for _, format := range expiryFormats {
			if t, err := time.Parse(format, value); err == nil {
				return t, true
			}
		}
		seconds, err := strconv.ParseInt(value, 10, 64)
		if err == nil && seconds > 1e9 && seconds < 1e11 {
			return time.Unix(seconds, 0), true
		}
	}
	return time.Time{}, false
}

// isOlder reports whether the file with a profile's keys was last changed longer ago than age.
func (x *examination) isOlder(p profiles.Section, age time.Duration) bool {
	path := x.opts.ConfigPath
	if p.Properties["aws_access_key_id"].File == profiles.CredentialsFile {
		path = x.opts.CredentialsPath
	}
	info, err := os.Stat(path)
	return err == nil && x.env.now().Sub(info.ModTime()) > age
}
