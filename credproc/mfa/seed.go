package mfa

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base32"
	"encoding/binary"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
	"unicode"

	"aws-credproc/profiles"
)

// period is the time step of IAM's virtual MFA devices. They use the defaults of RFC 6238: 30
// seconds, six digits, SHA-1.
const period = 30 * time.Second

// The limits of a seed in bytes. Seeds from IAM have 40 bytes.
const (
	minSeed = 10
	maxSeed = 128
)

// Seed is the secret of a virtual MFA device in base32. It prints as ***.
type Seed struct{ profiles.Secret }

var seedEncoding = base32.StdEncoding.WithPadding(base32.NoPadding)

// ParseSeed parses a seed in base32, in upper or lower case and with or without spaces, or an
// otpauth://totp URI (https://github.com/google/google-authenticator/wiki/Key-Uri-Format). Errors
// do not quote the text.
func ParseSeed(text string) (Seed, error) {
	const scheme = "otpauth:"
	text = strings.TrimSpace(text)
	if len(text) >= len(scheme) && strings.EqualFold(text[:len(scheme)], scheme) {
		var err error
		if text, err = seedOfURI(text); err != nil {
			return Seed{}, err
		}
	}
	text = strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || r == '-' {
			return -1
		}
		return unicode.ToUpper(r)
	}, strings.TrimRight(text, "= "))
	b, err := seedEncoding.DecodeString(text)
	switch {
	case text == "":
		return Seed{}, errors.New("the seed is empty")
	case err != nil:
		return Seed{}, errors.New("the seed is not base32 (letters and the digits 2 to 7)")
	case len(b) < minSeed || len(b) > maxSeed:
		return Seed{}, fmt.Errorf("the seed has %d bytes, expected %d to %d", len(b), minSeed, maxSeed)
	}
	return Seed{profiles.Secret(seedEncoding.EncodeToString(b))}, nil
}

func seedOfURI(text string) (string, error) {
	errInvalid := errors.New("the otpauth URI is not valid")
	u, err := url.Parse(text)
	if err != nil {
		return "", errInvalid // err quotes the text
	}
	if !strings.EqualFold(u.Host, "totp") {
		return "", errors.New("the otpauth URI is not for TOTP")
	}
	q, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return "", errInvalid
	}
	for key, want := range map[string]string{"algorithm": "SHA1", "digits": "6", "period": "30"} {
		if got := q.Get(key); got != "" && !strings.EqualFold(got, want) {
			return "", fmt.Errorf("the otpauth URI does not have %s=%s, which IAM requires", key, want)
		}
	}
	return q.Get("secret"), nil
}

// code returns the code of a time step. pquerna/otp is not used because it links a QR code encoder.
func (s Seed) code(step int64) (Code, error) {
	b, err := seedEncoding.DecodeString(string(s.Secret))
	if err != nil {
		return Code{}, errors.New("the seed is not base32")
	}
	mac := hmac.New(sha1.New, b)
	mac.Write(binary.BigEndian.AppendUint64(nil, uint64(step)))
	sum := mac.Sum(nil)
	at := sum[len(sum)-1] & 0x0f // RFC 4226, section 5.3
	n := binary.BigEndian.Uint32(sum[at:]) & 0x7fffffff
	return Code{profiles.Secret(fmt.Sprintf("%06d", n%1_000_000))}, nil
}

// stepOf returns the time step of t.
func stepOf(t time.Time) int64 { return t.Unix() / int64(period/time.Second) }

// untilStep returns the time from t to the start of a time step.
func untilStep(t time.Time, step int64) time.Duration {
	return time.Unix(step*int64(period/time.Second), 0).Sub(t)
}
