package profiles

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"aws-credproc/internal/diag"
)

// Bounds of a role session's duration. A role's own maximum may be lower; only STS knows it.
// https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
const (
	minDuration = 15 * time.Minute
	maxDuration = 12 * time.Hour
	// MaxChainedDuration is that of a role that is assumed with another role's session.
	MaxChainedDuration = time.Hour
)

// Bounds of session tags and policies.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_session-tags.html
const (
	maxTags       = 50
	maxTagKey     = 128 // characters
	maxTagValue   = 256
	maxPolicyARNs = 10
	maxPolicy     = 2048 // characters
)

// Lifetime of an MFA session. DefaultMFASession is AWS's own default too.
// https://docs.aws.amazon.com/STS/latest/APIReference/API_GetSessionToken.html
const (
	DefaultMFASession = 12 * time.Hour
	maxMFASession     = 36 * time.Hour
)

// CheckDuration returns an error if no role session can have the duration.
func CheckDuration(d time.Duration) error {
	if d < minDuration || d > maxDuration || d%time.Second != 0 {
		return fmt.Errorf("AWS allows whole seconds, %d minutes to %d hours",
			int(minDuration.Minutes()), int(maxDuration.Hours()))
	}
	return nil
}

// hop reads the profile's role settings. It checks their bounds, so that nothing is sent that STS
// refuses.
func (p settings) hop() (Hop, error) {
	if err := p.checkARN("role_arn"); err != nil {
		return Hop{}, err
	}
	err := p.checkTexts("role_session_name", "external_id", "mfa_serial", "source_identity")
	if err != nil {
		return Hop{}, err
	}
	h := Hop{
		Profile:         p.Name,
		RoleARN:         p.Get("role_arn"),
		RoleSessionName: p.Get("role_session_name"),
		ExternalID:      p.Get("external_id"),
		MFASerial:       p.Get("mfa_serial"),
		SourceIdentity:  p.Get("source_identity"),
		Policy:          p.Get("policy"),
	}
	if h.Duration, err = p.seconds("duration_seconds", minDuration, maxDuration); err != nil {
		return Hop{}, err
	}
	if h.SessionTags, h.TransitiveTagKeys, err = p.tags(); err != nil {
		return Hop{}, err
	}
	h.PolicyARNs, err = p.policies()
	return h, err
}

// tags reads session_tags (key=value,key=value) and transitive_session_tags (key,key).
func (p settings) tags() (tags []Tag, transitive []string, err error) {
	seen := map[string]bool{} // AWS compares tag keys without case
	for _, pair := range splitList(p.Get("session_tags")) {
		key, value, _ := strings.Cut(pair, "=")
		t := Tag{trim(key), trim(value)}
		lower := strings.ToLower(t.Key)
		problem, hint := checkTag(pair, t)
		if problem == "" && seen[lower] {
			problem = fmt.Sprintf("session_tags has the key %q twice (AWS ignores case)", shorten(t.Key, 40))
			hint = "remove one of them"
		}
		if problem != "" {
			return nil, nil, p.fail("session_tags", problem, hint)
		}
		seen[lower] = true
		tags = append(tags, t)
	}
	if len(tags) > maxTags {
		return nil, nil, p.fail("session_tags",
			fmt.Sprintf("session_tags has %d tags, and AWS allows %d", len(tags), maxTags), "remove some")
	}
	for _, key := range splitList(p.Get("transitive_session_tags")) {
		if !seen[strings.ToLower(key)] {
			return nil, nil, p.fail("transitive_session_tags",
				fmt.Sprintf("transitive_session_tags has %q, which is not in session_tags", shorten(key, 40)),
				"add the tag to session_tags, or remove the key here")
		}
		transitive = append(transitive, key)
	}
	return tags, transitive, nil
}

// checkTag returns what is wrong with a tag, written as pair, and a hint.
func checkTag(pair string, t Tag) (problem, hint string) {
	key := shorten(t.Key, 40)
	switch {
	case t.Key == "" || !strings.Contains(pair, "="):
		return fmt.Sprintf("session_tags has %q, which is not key=value", shorten(pair, 40)),
			"write session_tags = key=value,key=value"
	case strings.HasPrefix(strings.ToLower(t.Key), "aws:"):
		return fmt.Sprintf("session_tags has the key %q, and AWS reserves the prefix aws:", key),
			"rename the key"
	case utf8.RuneCountInString(t.Key) > maxTagKey || utf8.RuneCountInString(t.Value) > maxTagValue:
		return fmt.Sprintf("session tag %q is too long", key),
			fmt.Sprintf("AWS allows %d characters for a key and %d for a value", maxTagKey, maxTagValue)
	case !isTagText(t.Key) || !isTagText(t.Value):
		return fmt.Sprintf("session tag %q has characters that AWS does not allow", key),
			"AWS allows letters, digits, spaces and _.:/=+-@"
	}
	return "", ""
}

// isTagText reports whether STS accepts s in a session tag: [\p{L}\p{Z}\p{N}_.:/=+\-@]*
func isTagText(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool {
		return !unicode.In(r, unicode.L, unicode.Z, unicode.N) && !strings.ContainsRune("_.:/=+-@", r)
	})
}

// policies checks policy and reads policy_arns (arn,arn).
func (p settings) policies() (arns []string, err error) {
	if policy := p.Get("policy"); policy != "" {
		if _, isFile := PolicyFile(policy); !isFile {
			if err := CheckPolicy(policy); err != nil {
				return nil, p.fail("policy", "policy "+err.Error(),
					fmt.Sprintf("use a JSON policy of at most %d characters, or file://PATH", maxPolicy))
			}
		}
	}
	arns = splitList(p.Get("policy_arns"))
	if len(arns) > maxPolicyARNs {
		return nil, p.fail("policy_arns",
			fmt.Sprintf("policy_arns has %d policies, and AWS allows %d", len(arns), maxPolicyARNs),
			"remove some")
	}
	for _, arn := range arns {
		if !isARN(arn) {
			return nil, p.fail("policy_arns",
				fmt.Sprintf("policy_arns has %s, which is not an ARN", InQuotes(shorten(arn, 60))),
				"write arn:aws:iam::aws:policy/NAME")
		}
	}
	return arns, nil
}

// PolicyFile returns the path in a policy setting of the form file://PATH, with a leading ~
// expanded. ok is false if the setting holds the policy itself.
func PolicyFile(policy string) (path string, ok bool) {
	path, ok = strings.CutPrefix(policy, "file://")
	return expandHome(path), ok
}

// CheckPolicy returns an error if a session policy is not a JSON object of at most 2048 characters.
// The error does not quote the policy.
func CheckPolicy(text string) error {
	if n := utf8.RuneCountInString(text); n > maxPolicy {
		return fmt.Errorf("has %d characters, and AWS allows %d", n, maxPolicy)
	}
	if !json.Valid([]byte(text)) || trim(text)[0] != '{' {
		return errors.New("is not a JSON object")
	}
	return nil
}

// seconds reads a setting in seconds. It returns 0 if it is not set.
func (p settings) seconds(key string, least, most time.Duration) (time.Duration, error) {
	text := p.Get(key)
	if text == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0, p.fail(key,
			fmt.Sprintf("%s is %s, which is not a whole number", key, InQuotes(shorten(text, 20))),
			hintForValue(text, fmt.Sprintf("use a number of seconds from %d to %d",
				int(least.Seconds()), int(most.Seconds()))))
	}
	if n < int(least.Seconds()) || n > int(most.Seconds()) {
		problem := fmt.Sprintf("%s is %d, and AWS allows %d (%d minutes) to %d (%d hours)", key, n,
			int(least.Seconds()), int(least.Minutes()), int(most.Seconds()), int(most.Hours()))
		return 0, p.fail(key, problem, "use a value in this range, or remove "+key)
	}
	return time.Duration(n) * time.Second, nil
}

// mfa reads the profile's MFA settings. mfa_process and mfa_session_duration may be in base, the
// profile of the user's keys, for all its roles.
func (p settings) mfa(base settings) (MFA, error) {
	m := MFA{Serial: p.Get("mfa_serial"), Session: DefaultMFASession}
	if m.Serial == "" {
		return MFA{}, nil
	}
	if err := p.checkTexts("mfa_serial"); err != nil {
		return MFA{}, err
	}
	if m.Process = p.Get("mfa_process"); m.Process == "" {
		m.Process = base.Get("mfa_process")
	}
	const key = "mfa_session_duration"
	from := p
	if from.Get(key) == "" {
		from = base
	}
	if from.Get(key) == "0" {
		m.Session = 0
		return m, nil
	}
	d, err := from.seconds(key, minDuration, maxMFASession)
	if e := (*diag.Error)(nil); errors.As(err, &e) {
		e.Hint += "; with 0, each role asks for a code"
	}
	if d != 0 {
		m.Session = d
	}
	return m, err
}

// checkARN checks that a setting has the form of an ARN. Whether it exists is for STS to decide.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html
func (p settings) checkARN(key string) error {
	value := p.Get(key)
	if isARN(value) {
		return nil
	}
	return p.fail(key, fmt.Sprintf("%s is %s, which is not an ARN", key, InQuotes(shorten(value, 60))),
		hintForValue(value, "write arn:aws:iam::123456789012:role/NAME"))
}

// checkTexts checks settings that are sent to STS as they are.
func (p settings) checkTexts(keys ...string) error {
	for _, key := range keys {
		if problem, allowed := checkText(key, p.Get(key)); problem != "" {
			if IsQuoted(p.Get(key)) {
				problem = key + " is in quotes, and they are part of the value"
			}
			return p.fail(key, problem, hintForValue(p.Get(key), "AWS allows "+allowed))
		}
	}
	return nil
}

// CheckMFASerial returns an error if serial is neither an ARN nor a serial number of an MFA device.
func CheckMFASerial(serial string) error {
	if serial == "" {
		return errors.New("mfa_serial is empty")
	}
	if problem, allowed := checkText("mfa_serial", serial); problem != "" {
		return fmt.Errorf("%s, and AWS allows %s", problem, allowed)
	}
	return nil
}

// checkText checks the length and the characters of a setting, if it is set. It returns what is
// wrong and what AWS allows.
func checkText(key, value string) (problem, allowed string) {
	least, most, others := textBounds(key)
	switch {
	case value == "":
		return "", ""
	case len(value) < least || len(value) > most:
		return fmt.Sprintf("%s has a length of %d", key, len(value)),
			fmt.Sprintf("%d to %d characters", least, most)
	}
	for _, c := range value {
		if !isAlphanumeric(c) && !strings.ContainsRune(others, c) {
			return fmt.Sprintf("%s has the character %q", key, c), "letters, digits and " + others
		}
	}
	return "", ""
}

// textBounds returns the bounds of a setting's length, and the characters it may have besides
// letters and digits.
func textBounds(key string) (least, most int, others string) {
	switch key {
	case "external_id":
		return 2, 1224, "_+=,.@:/-"
	case "mfa_serial":
		return 9, 256, "_+=/:,.@-"
	}
	return 2, 64, "_+=,.@-" // role_session_name, source_identity
}
