package profiles

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// The bounds of a role session's duration. A role's own maximum, which may be lower, is known to STS only.
// https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
const (
	minDuration        = 15 * time.Minute
	maxDuration        = 12 * time.Hour
	maxChainedDuration = time.Hour // of a role that is assumed with another role's session
)

// hop reads a profile's role settings and checks their bounds, so that nothing is sent that STS must refuse.
func (r *resolver) hop(p Section) (Hop, error) {
	if err := r.checkARN(p, "role_arn"); err != nil {
		return Hop{}, err
	}
	h := Hop{
		Profile: p.Name, RoleARN: p.Get("role_arn"), RoleSessionName: p.Get("role_session_name"),
		ExternalID: p.Get("external_id"), MFASerial: p.Get("mfa_serial"),
	}
	for _, bounds := range []struct {
		key      string
		min, max int
		others   string // the characters allowed beside letters and digits
	}{
		{"role_session_name", 2, 64, "_+=,.@-"},
		{"external_id", 2, 1224, "_+=,.@:/-"},
		{"mfa_serial", 9, 256, "_+=/:,.@-"},
	} {
		if err := r.checkText(p, bounds.key, bounds.min, bounds.max, bounds.others); err != nil {
			return Hop{}, err
		}
	}
	var err error
	h.Duration, err = r.duration(p)
	return h, err
}

func (r *resolver) duration(p Section) (time.Duration, error) {
	text := p.Get("duration_seconds")
	if text == "" {
		return 0, nil
	}
	seconds, err := strconv.Atoi(text)
	if err != nil {
		return 0, r.fail(p, "duration_seconds", fmt.Sprintf("duration_seconds is %q, which is no whole number", shorten(text, 20)), "write a number of seconds, 900 to 43200")
	}
	d := time.Duration(seconds) * time.Second
	if seconds > int(maxDuration/time.Second) || seconds < int(minDuration/time.Second) {
		return 0, r.fail(p, "duration_seconds", fmt.Sprintf("duration_seconds is %d, and AWS allows 900 (15 minutes) to 43200 (12 hours)", seconds), "write a number in these bounds, or remove it for an hour")
	}
	return d, nil
}

// checkARN checks that a value has the form of an ARN. Whether there is such a thing is STS's business.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html
func (r *resolver) checkARN(p Section, key string) error {
	value := p.Get(key)
	parts := strings.SplitN(value, ":", 6)
	if len(parts) == 6 && parts[0] == "arn" && parts[1] != "" && parts[2] != "" && parts[5] != "" && isPrintable(value) {
		return nil
	}
	return r.fail(p, key, fmt.Sprintf("%s is %q, which is no ARN", key, shorten(value, 60)), "write it as arn:aws:iam::123456789012:role/NAME")
}

func (r *resolver) checkText(p Section, key string, min, max int, others string) error {
	value := p.Get(key)
	if value == "" {
		return nil
	}
	if len(value) < min || len(value) > max {
		return r.fail(p, key, fmt.Sprintf("%s has %d characters, and AWS allows %d to %d", key, len(value), min, max), "correct it")
	}
	for _, c := range value {
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.ContainsRune(others, c)) {
			return r.fail(p, key, fmt.Sprintf("%s holds %q, and AWS allows letters, digits and %s", key, c, others), "correct it")
		}
	}
	return nil
}

func isPrintable(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
