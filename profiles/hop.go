package profiles

import (
	"aws-credproc/internal/diag"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// The bounds of a role session's duration. A role's own maximum, which may be lower, is known to STS only.
// https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
const (
	minDuration        = 15 * time.Minute
	maxDuration        = 12 * time.Hour
	maxChainedDuration = time.Hour // of a role that is assumed with another role's session
)

// CheckDuration says why a role's session cannot be asked to last for so long, whatever its profile says.
func CheckDuration(d time.Duration) error {
	if d < minDuration || d > maxDuration || d%time.Second != 0 {
		return fmt.Errorf("AWS allows whole seconds, %d minutes to %d hours", int(minDuration.Minutes()), int(maxDuration.Hours()))
	}
	return nil
}

// WithDuration is the chain with another duration of its last role's session, which passes CheckDuration. The error is an
// [*diag.Error]: a chain without a role has none, and after another role AWS allows an hour.
func (c Chain) WithDuration(d time.Duration) (Chain, error) {
	fail := func(problem, hint string) (Chain, error) {
		return Chain{}, &diag.Error{Profile: c.Profile.Name, Problem: problem, Hint: hint}
	}
	last := len(c.Hops) - 1
	switch {
	case last < 0:
		return fail("it assumes no role with AssumeRole, so the duration is not ours to choose", "leave the duration out")
	case (last > 0 || c.Source.Type == WebIdentity) && d > maxChainedDuration:
		return fail(fmt.Sprintf("a session of %s is asked for, but AWS allows a role that is assumed by another role an hour at most", d), "ask for an hour or less")
	}
	c.Hops = slices.Clone(c.Hops)
	c.Hops[last].Duration = d
	return c, nil
}

// hop reads a profile's role settings and checks their bounds, so that nothing is sent that STS must refuse.
func (r *resolver) hop(p Section) (Hop, error) {
	if err := r.checkARN(p, "role_arn"); err != nil {
		return Hop{}, err
	}
	h := Hop{
		Profile: p.Name, RoleARN: p.Get("role_arn"), RoleSessionName: p.Get("role_session_name"),
		ExternalID: p.Get("external_id"), MFASerial: p.Get("mfa_serial"),
		SourceIdentity: p.Get("source_identity"), Policy: p.Get("policy"),
	}
	if err := r.checkTexts(p, "role_session_name", "external_id", "mfa_serial", "source_identity"); err != nil {
		return Hop{}, err
	}
	var err error
	if h.Duration, err = r.seconds(p, "duration_seconds", minDuration, maxDuration); err != nil {
		return Hop{}, err
	}
	if h.SessionTags, h.TransitiveTagKeys, err = r.tags(p); err != nil {
		return Hop{}, err
	}
	h.PolicyARNs, err = r.policies(p)
	return h, err
}

// The bounds of session tags and policies.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_session-tags.html
const (
	maxTags       = 50
	maxTagKey     = 128 // characters
	maxTagValue   = 256
	maxPolicyARNs = 10
	maxPolicy     = 2048 // characters
)

// tags reads session_tags, in the form key=value,key=value, and transitive_session_tags, in the form key,key.
func (r *resolver) tags(p Section) (tags []Tag, transitive []string, err error) {
	fail := func(key, problem, hint string) ([]Tag, []string, error) {
		return nil, nil, r.fail(p, key, problem, hint)
	}
	const form = "write session_tags = key=value,key=value"
	seen := map[string]bool{} // tag keys differ by more than case
	for _, pair := range list(p.Get("session_tags")) {
		key, value, found := strings.Cut(pair, "=")
		t := Tag{trim(key), trim(value)}
		switch lower := strings.ToLower(t.Key); {
		case !found || t.Key == "":
			return fail("session_tags", fmt.Sprintf("session_tags holds %q, which is no key=value", shorten(pair, 40)), form)
		case seen[lower]:
			return fail("session_tags", fmt.Sprintf("session_tags has the key %q twice; upper and lower case are one to AWS", shorten(t.Key, 40)), "keep one of them")
		case strings.HasPrefix(lower, "aws:"):
			return fail("session_tags", fmt.Sprintf("session_tags has the key %q, and AWS keeps those with aws: for itself", shorten(t.Key, 40)), "give it another name")
		case utf8.RuneCountInString(t.Key) > maxTagKey || utf8.RuneCountInString(t.Value) > maxTagValue:
			return fail("session_tags", fmt.Sprintf("the tag %q is too long: AWS allows %d characters for a key and %d for a value", shorten(t.Key, 40), maxTagKey, maxTagValue), "shorten it")
		case !isTagText(t.Key) || !isTagText(t.Value):
			return fail("session_tags", fmt.Sprintf("the tag %q holds other characters than letters, digits, spaces and _.:/=+-@", shorten(t.Key, 40)), "correct it")
		default:
			seen[lower] = true
		}
		tags = append(tags, t)
	}
	if len(tags) > maxTags {
		return fail("session_tags", fmt.Sprintf("session_tags has %d tags, and AWS allows %d", len(tags), maxTags), "remove some")
	}
	for _, key := range list(p.Get("transitive_session_tags")) {
		if !seen[strings.ToLower(key)] {
			return fail("transitive_session_tags", fmt.Sprintf("transitive_session_tags names %q, which is no key of session_tags", shorten(key, 40)), "add the tag there, or remove the name here")
		}
		transitive = append(transitive, key)
	}
	return tags, transitive, nil
}

// policies checks policy and reads policy_arns, in the form arn,arn.
func (r *resolver) policies(p Section) (arns []string, err error) {
	if policy := p.Get("policy"); policy != "" {
		if _, isFile := PolicyFile(policy); !isFile {
			if err := CheckPolicy(policy); err != nil {
				return nil, r.fail(p, "policy", "policy "+err.Error(), "write a policy document in JSON, or file://PATH of one")
			}
		}
	}
	arns = list(p.Get("policy_arns"))
	if len(arns) > maxPolicyARNs {
		return nil, r.fail(p, "policy_arns", fmt.Sprintf("policy_arns has %d policies, and AWS allows %d", len(arns), maxPolicyARNs), "remove some")
	}
	for _, arn := range arns {
		if !isARN(arn) {
			return nil, r.fail(p, "policy_arns", fmt.Sprintf("policy_arns holds %q, which is no ARN", shorten(arn, 60)), "write it as arn:aws:iam::aws:policy/NAME")
		}
	}
	return arns, nil
}

// PolicyFile gives the path in a policy setting of the form file://PATH, in which a ~ expands; ok is false for a policy
// that stands in the config itself.
func PolicyFile(policy string) (path string, ok bool) {
	path, ok = strings.CutPrefix(policy, "file://")
	return expandHome(path), ok
}

// CheckPolicy says what is wrong with the text of a session policy: STS takes a JSON object of at most 2048 characters.
// The error quotes nothing of the text.
func CheckPolicy(text string) error {
	if n := utf8.RuneCountInString(text); n > maxPolicy {
		return fmt.Errorf("has %d characters, and AWS allows %d", n, maxPolicy)
	}
	if !json.Valid([]byte(text)) || trim(text)[0] != '{' {
		return errors.New("is no JSON object")
	}
	return nil
}

// list cuts a value at its commas. Empty parts are left out.
func list(value string) (parts []string) {
	for part := range strings.SplitSeq(value, ",") {
		if part = trim(part); part != "" {
			parts = append(parts, part)
		}
	}
	return parts
}

// isTagText reports whether STS takes s in a session tag: [\p{L}\p{Z}\p{N}_.:/=+\-@]*
func isTagText(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool {
		return !unicode.In(r, unicode.L, unicode.Z, unicode.N) && !strings.ContainsRune("_.:/=+-@", r)
	})
}

// seconds reads a setting that is a number of seconds; 0 where it is not set.
func (r *resolver) seconds(p Section, key string, least, most time.Duration) (time.Duration, error) {
	text := p.Get(key)
	if text == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0, r.fail(p, key, fmt.Sprintf("%s is %q, which is no whole number", key, shorten(text, 20)), fmt.Sprintf("write a number of seconds, %d to %d", int(least.Seconds()), int(most.Seconds())))
	}
	if n < int(least.Seconds()) || n > int(most.Seconds()) {
		return 0, r.fail(p, key, fmt.Sprintf("%s is %d, and AWS allows %d (%d minutes) to %d (%d hours)", key, n,
			int(least.Seconds()), int(least.Minutes()), int(most.Seconds()), int(most.Hours())),
			"write a number in these bounds, or remove it")
	}
	return time.Duration(n) * time.Second, nil
}

// The lifetime of a session for an MFA device, where mfa_session_duration does not say, and at most. AWS's own default is 12
// hours too.
// https://docs.aws.amazon.com/STS/latest/APIReference/API_GetSessionToken.html
const (
	DefaultMFASession = 12 * time.Hour
	maxMFASession     = 36 * time.Hour
)

// mfa reads what a profile says of its MFA device. How a code is got, and how long the session for it lasts, may stand
// in the profile of the user's keys, base, for all roles at once.
func (r *resolver) mfa(p, base Section) (MFA, error) {
	m := MFA{Serial: p.Get("mfa_serial"), Session: DefaultMFASession}
	if m.Serial == "" {
		return MFA{}, nil
	}
	if err := r.checkTexts(p, "mfa_serial"); err != nil {
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
	d, err := r.seconds(from, key, minDuration, maxMFASession)
	if e := (*diag.Error)(nil); errors.As(err, &e) {
		e.Hint += "; 0 asks for a code for each role"
	}
	if d != 0 {
		m.Session = d
	}
	return m, err
}

// checkARN checks that a value has the form of an ARN. Whether there is such a thing is STS's business.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html
func (r *resolver) checkARN(p Section, key string) error {
	value := p.Get(key)
	if isARN(value) {
		return nil
	}
	return r.fail(p, key, fmt.Sprintf("%s is %q, which is no ARN", key, shorten(value, 60)), "write it as arn:aws:iam::123456789012:role/NAME")
}

func isARN(value string) bool {
	parts := strings.SplitN(value, ":", 6)
	return len(parts) == 6 && parts[0] == "arn" && parts[1] != "" && parts[2] != "" && parts[5] != "" && isPrintable(value)
}

// checkTexts checks those of the settings that are set: they go to STS as they are.
func (r *resolver) checkTexts(p Section, keys ...string) error {
	for _, key := range keys {
		if err := checkText(key, p.Get(key)); err != nil {
			return r.fail(p, key, err.Error(), "correct it")
		}
	}
	return nil
}

// CheckMFASerial says what is wrong with the serial of an MFA device: an ARN, or the number of a hardware device.
func CheckMFASerial(serial string) error {
	if serial == "" {
		return errors.New("mfa_serial is empty")
	}
	return checkText("mfa_serial", serial)
}

// checkText checks a setting that is set.
func checkText(key, value string) error {
	min, max, others := textBounds(key)
	if value == "" {
		return nil
	}
	if len(value) < min || len(value) > max {
		return fmt.Errorf("%s has %d characters, and AWS allows %d to %d", key, len(value), min, max)
	}
	for _, c := range value {
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.ContainsRune(others, c)) {
			return fmt.Errorf("%s holds %q, and AWS allows letters, digits and %s", key, c, others)
		}
	}
	return nil
}

// textBounds gives how many characters a setting may have, and which beside letters and digits.
func textBounds(key string) (min, max int, others string) {
	switch key {
	case "external_id":
		return 2, 1224, "_+=,.@:/-"
	case "mfa_serial":
		return 9, 256, "_+=/:,.@-"
	}
	return 2, 64, "_+=,.@-" // role_session_name, source_identity
}

func isPrintable(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
