package ststest

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/subtle"
	"encoding/base32"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"
)

// totpPeriod and the six digits of SHA-1 are what IAM's virtual MFA devices use (RFC 6238 with its defaults).
const totpPeriod = 30 * time.Second

// TOTP returns the token code that a virtual MFA device with this base32 seed shows at t (RFC 6238: SHA-1, 30 s, six digits).
// The seed may be in lower case, spaced in groups, with or without padding. The error does not hold the seed.
func TOTP(seed string, t time.Time) (string, error) {
	secret, err := decodeSeed(seed)
	if err != nil {
		return "", err
	}
	return totp(secret, step(t)), nil
}

func step(t time.Time) int64 { return t.Unix() / int64(totpPeriod/time.Second) }

func decodeSeed(seed string) ([]byte, error) {
	s := strings.ToUpper(strings.TrimRight(strings.ReplaceAll(seed, " ", ""), "="))
	secret, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(s)
	if err != nil || len(secret) == 0 {
		// Not wrapped: base32's error says where, and nothing more is needed.
		return nil, errors.New("MFA seed is not base32")
	}
	return secret, nil
}

func totp(secret []byte, step int64) string {
	mac := hmac.New(sha1.New, secret)
	_ = binary.Write(mac, binary.BigEndian, step) // a hash takes any write
	sum := mac.Sum(nil)
	at := sum[len(sum)-1] & 0x0f // RFC 4226, 5.3
	return fmt.Sprintf("%06d", (binary.BigEndian.Uint32(sum[at:])&0x7fffffff)%1_000_000)
}

// device is a virtual MFA device.
type device struct {
	owner  *user
	secret []byte
	used   map[int64]bool // steps whose code has been accepted, as long as they could be again
}

// use accepts a code of the current step or of one beside it, each once.
func (d *device) use(code string, now time.Time) bool {
	current := step(now)
	for st := range d.used {
		if st < current-1 || st > current+1 {
			delete(d.used, st)
		}
	}
	for st := current - 1; st <= current+1; st++ {
		if !d.used[st] && subtle.ConstantTimeCompare([]byte(code), []byte(totp(d.secret, st))) == 1 {
			d.used[st] = true
			return true
		}
	}
	return false
}
