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

// period, six digits and SHA-1 are what IAM's virtual MFA devices use: RFC 6238 with its defaults. A library would bring
// a QR code encoder with it, for these lines.
const period = 30 * time.Second

// The bounds of a seed, in bytes. IAM's have 40. Less than 80 bits is what nobody gives out.
const (
	minSeed = 10
	maxSeed = 128
)

// Seed is the secret of a virtual MFA device, in base32 as IAM shows it. However it is printed, it shows as ***.
type Seed struct{ profiles.Secret }

var seedEncoding = base32.StdEncoding.WithPadding(base32.NoPadding)

// ParseSeed reads a seed in base32, in upper or lower case and with or without spaces, or an otpauth://totp URI with one
// (https://github.com/google/google-authenticator/wiki/Key-Uri-Format). Its errors quote nothing of the text.
func ParseSeed(text string) (Seed, error) {
	text = strings.TrimSpace(text)
	if len(text) >= len("otpauth:") && strings.EqualFold(text[:len("otpauth:")], "otpauth:") {
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
		return Seed{}, errors.New("no seed is given")
	case err != nil: // its text says where, which helps nobody who cannot see the seed
		return Seed{}, errors.New("the seed is not base32, letters and the digits 2 to 7")
	case len(b) < minSeed || len(b) > maxSeed:
		return Seed{}, fmt.Errorf("the seed has %d bytes, and one of a virtual MFA device has %d to %d", len(b), minSeed, maxSeed)
	}
	return Seed{profiles.Secret(seedEncoding.EncodeToString(b))}, nil
}

func seedOfURI(text string) (string, error) {
	u, err := url.Parse(text) // its error quotes the text
	if err != nil {
		return "", errors.New("the otpauth URI is not in the form of one")
	}
	if !strings.EqualFold(u.Host, "totp") {
		return "", errors.New("the otpauth URI is not for TOTP, the time-based codes of IAM's virtual MFA devices")
	}
	q, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return "", errors.New("the otpauth URI is not in the form of one")
	}
	for key, want := range map[string]string{"algorithm": "SHA1", "digits": "6", "period": "30"} {
		if got := q.Get(key); got != "" && !strings.EqualFold(got, want) {
			return "", fmt.Errorf("the otpauth URI asks for another %s than %s, which IAM's virtual MFA devices have", key, want)
		}
	}
	return q.Get("secret"), nil
}

// code gives the code of a time step.
func (s Seed) code(step int64) (Code, error) {
	b, err := seedEncoding.DecodeString(string(s.Secret))
	if err != nil {
		return Code{}, errors.New("the seed is not base32") // not of ParseSeed
	}
	mac := hmac.New(sha1.New, b)
	mac.Write(binary.BigEndian.AppendUint64(nil, uint64(step))) // never fails: hash.Hash's contract
	sum := mac.Sum(nil)
	at := sum[len(sum)-1] & 0x0f // RFC 4226, 5.3
	n := binary.BigEndian.Uint32(sum[at:]) & 0x7fffffff
	return Code{profiles.Secret(fmt.Sprintf("%06d", n%1_000_000))}, nil
}

// stepOf is the number of the 30 seconds in which t is.
func stepOf(t time.Time) int64 { return t.Unix() / int64(period/time.Second) }

// untilStep is how long it is from t to the start of a time step.
func untilStep(t time.Time, step int64) time.Duration {
	return time.Unix(step*int64(period/time.Second), 0).Sub(t)
}
