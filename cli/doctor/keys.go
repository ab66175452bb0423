package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"aws-credproc/cache"
	"aws-credproc/credproc"
	"aws-credproc/internal/diag"
	"aws-credproc/profiles"
)

// staticKeys gives the profiles that it is about and that hold an access key.
func (x *exam) staticKeys() (all []profiles.Section) {
	for _, name := range x.names {
		if p := x.sections[name]; p.Get("aws_access_key_id") != "" && p.Get("aws_secret_access_key") != "" {
			all = append(all, p)
		}
	}
	return all
}

// isTemporary tells a session's key from a user's.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids
func isTemporary(p profiles.Section) bool {
	return p.Get("aws_session_token") != "" || strings.HasPrefix(p.Get("aws_access_key_id"), "ASIA")
}

// longTermKeys finds keys that are good until somebody revokes them, in a file that anything of this user can read.
func longTermKeys(x *exam) {
	for _, p := range x.staticKeys() {
		if !isTemporary(p) {
			x.add(Finding{Severity: Warning, Profile: p.Name, Where: x.place(p, "aws_access_key_id"), What: "an access key that never expires stands in a file, in plain text",
				Why: "whatever runs as you can read it, and so can who gets a backup or the disk; it is good until somebody deactivates it",
				Fix: write("sign in instead: through IAM Identity Center with", "aws configure sso") + "\n" + write("or as at the console with", "aws login") + "\n" +
					write("or move it into the keyring", "aws-credproc import "+profiles.Argument(p.Name))})
		}
	}
}

// lookForKeys looks whether the keys that were imported are in the keyring.
func (x *exam) lookForKeys(ctx context.Context) {
	for _, name := range x.names {
		if c, ok := x.chains[name]; ok && c.Source.Profile == name {
			if err := x.Resolver.CheckKeys(ctx, c); err != nil {
				x.keysGone[name] = err
			}
		}
	}
}

// importedKeys finds long-term keys that were imported and that nobody gets.
func importedKeys(x *exam) {
	for _, name := range x.names {
		var e *diag.Error
		if !errors.As(x.keysGone[name], &e) {
			continue
		}
		text := strings.TrimPrefix(strings.TrimPrefix(e.Err.Error(), "keyring: "), "long-term keys in the keyring: ")
		f := Finding{Severity: Error, Profile: name, Where: x.place(x.sections[name], "credential_process"),
			What: "its long-term keys were imported, and cannot be taken from the keyring: " + text,
			Why:  "it gives no credentials, and no role above it can be assumed; sessions that are cached are good until they expire", Fix: e.Hint}
		switch {
		case errors.Is(e, credproc.ErrNoKeys):
			f.What = "its long-term keys were imported, and are in the keyring no more"
		case errors.Is(e, cache.ErrLocked):
			f.What = "its long-term keys are in the keyring, which is locked"
		case errors.Is(e, cache.ErrUnavailable):
			f.What = "its long-term keys were imported, and no keyring is here: " + text
		case errors.Is(e, cache.ErrVersion):
			f.Fix = "let everything start the newer version; this one is " + x.Helper
		}
		if f.Fix == "" {
			f.Fix = "see what the keyring says"
		}
		x.add(f)
	}
}

// keysAndRole finds static keys in the credentials file that bear the name of a role of the config file.
func keysAndRole(x *exam) {
	for _, p := range x.staticKeys() {
		keys, role := p.Properties["aws_access_key_id"], p.Properties["role_arn"]
		if role.Value == "" || role.File == keys.File || p.Get("source_profile") == p.Name { // which is the way to say that they are for it
			continue
		}
		x.add(Finding{Severity: Warning, Profile: p.Name, Where: x.place(p, "aws_access_key_id"), What: "an access key bears the name of a profile that has a role_arn, in the other file",
			Why: "who asks for the profile gets the role; where it is a source_profile, the AWS CLI uses the key and the Go SDK the role; and aws-credproc setup refuses it",
			Fix: fmt.Sprintf("rename the section of the key, to [%s-keys] say, and the source_profile that names it; or remove the key", p.Name)})
	}
}

// longestSession is what AWS gives at most, to GetSessionToken.
const longestSession = 36 * time.Hour

// expiryKeys are the keys under which tools that write sessions into the credentials file note when these end.
var expiryKeys = []string{"expiration", "aws_expiration", "aws_session_expiration", "aws_credential_expiration", "x_security_token_expires", "token_expiration"}

// temporaryKeys finds sessions pasted into a file that are over, or that lack their token.
func temporaryKeys(x *exam) {
	for _, p := range x.staticKeys() {
		if !isTemporary(p) {
			continue
		}
		f := Finding{Severity: Error, Profile: p.Name, Where: x.place(p, "aws_access_key_id"), Why: "AWS refuses them: ExpiredToken",
			Fix: "remove the keys, and get them from where they came as they are needed: source_profile, sso_session or credential_process"}
		switch end, known := expiryOf(p); {
		case p.Get("aws_session_token") == "":
			f.What, f.Why = "temporary keys stand here without their aws_session_token", "AWS refuses them: InvalidClientTokenId"
		case known && end.Before(x.now()):
			f.What = "temporary keys stand here that are over since " + end.UTC().Format(time.RFC3339)
		case known || !x.isOlder(p, longestSession):
			continue // good still, or nobody knows
		default:
			f.What = "temporary keys stand here, and the file was last written more than 36 hours ago: they are over, for AWS gives none that last longer"
		}
		x.add(f)
	}
}

// expiryOf gives when a profile says that its session ends.
func expiryOf(p profiles.Section) (time.Time, bool) {
	for _, key := range expiryKeys {
		value := p.Get(key)
		for _, form := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02 15:04:05-07:00", "2006-01-02T15:04:05-0700"} {
			if t, err := time.Parse(form, value); err == nil {
				return t, true
			}
		}
		if seconds, err := strconv.ParseInt(value, 10, 64); err == nil && seconds > 1e9 && seconds < 1e11 {
			return time.Unix(seconds, 0), true
		}
	}
	return time.Time{}, false
}

// isOlder reports whether the file that holds a profile's keys has not been written for so long.
func (x *exam) isOlder(p profiles.Section, age time.Duration) bool {
	path := x.ConfigPath
	if p.Properties["aws_access_key_id"].File == profiles.CredentialsFile {
		path = x.CredentialsPath
	}
	info, err := os.Stat(path)
	return err == nil && x.now().Sub(info.ModTime()) > age
}

// fileAccess finds files that other users of the machine can read or, worse, write.
func fileAccess(x *exam) {
	for _, r := range x.raw {
		info, err := os.Stat(r.Path)
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		hasSecret := false
		for _, l := range r.Lines {
			hasSecret = hasSecret || l.Key == "aws_secret_access_key" || l.Key == "aws_session_token"
		}
		f := Finding{Severity: Warning, Where: r.Path, Fix: run("chmod 600 " + x.quoted(r.Path))}
		others := accessOfOthers(info)
		switch {
		case others&0o022 != 0:
			f.What, f.Why = who(others&0o002 != 0)+" may write to the file", "they can make your tools run a command of theirs (credential_process), or use keys of theirs"
		case others&0o044 != 0 && hasSecret:
			f.What, f.Why = who(others&0o004 != 0)+" can read the file, and it holds keys", "whoever reads a key has all that it may do"
		case others&0o044 != 0:
			f.What, f.Why = who(others&0o004 != 0)+" can read the file", "it tells them your accounts, roles and external IDs"
			hasSecret = false
		default:
			continue
		}
		if others&0o002 != 0 || others&0o004 != 0 && hasSecret { // a group may be that of one user
			f.Severity = Error
		}
		x.add(f)
	}
}

// directoryAccess finds directories in which others may put another file in the place of one of the two. A sticky bit
// keeps them from that.
func directoryAccess(x *exam) {
	for _, r := range x.raw {
		dir := filepath.Dir(r.Path)
		info, err := os.Stat(dir)
		if err != nil || info.Mode()&fs.ModeSticky != 0 {
			continue
		}
		others := accessOfOthers(info)
		if others&0o022 == 0 {
			continue
		}
		f := Finding{Severity: Warning, Where: dir, What: who(others&0o002 != 0) + " may write to the directory of the file",
			Why: "they can put another file in its place, which makes your tools run a command of theirs (credential_process)", Fix: run("chmod go-w " + x.quoted(dir))}
		if others&0o002 != 0 {
			f.Severity = Error
		}
		x.add(f)
	}
}

// who names those whom mode bits let in: everybody, or the group.
func who(all bool) string {
	if all {
		return "other users"
	}
	return "the users of its group"
}
