package ststest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

const (
	algorithm  = "AWS4-HMAC-SHA256"
	amzFormat  = "20060102T150405Z"
	dateFormat = "20060102"
)

// authorization is the Authorization header of Signature Version 4, see
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
type authorization struct {
	keyID, date, region, service, terminator string

	signedHeaders []string // lower case, sorted
	signature     string   // hexadecimal
}

func parseAuthorization(header string) (*authorization, *apiError) {
	incomplete := func(why string) *apiError {
		return fail(http.StatusBadRequest, "IncompleteSignature", why)
	}
	if header == "" {
		return nil, fail(http.StatusForbidden, "MissingAuthenticationToken", "Request is missing Authentication Token")
	}
	alg, rest, _ := strings.Cut(header, " ")
	if alg != algorithm {
		return nil, incomplete("Unsupported AWS 'algorithm': '" + alg + "'.")
	}
	parts := make(map[string]string)
	for part := range strings.SplitSeq(rest, ",") {
		k, v, ok := strings.Cut(strings.TrimSpace(part), "=")
		if _, twice := parts[k]; !ok || twice {
			return nil, incomplete("Authorization header is malformed.")
		}
		parts[k] = v
	}
	for _, k := range []string{"Credential", "Signature", "SignedHeaders"} {
		if parts[k] == "" {
			return nil, incomplete("Authorization header requires '" + k + "' parameter.")
		}
	}
	if len(parts) != 3 {
		return nil, incomplete("Authorization header is malformed.")
	}
	scope := strings.Split(parts["Credential"], "/")
	if len(scope) != 5 {
		return nil, incomplete("Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term.")
	}
	a := &authorization{
		keyID: scope[0], date: scope[1], region: scope[2], service: scope[3], terminator: scope[4],
		signedHeaders: strings.Split(parts["SignedHeaders"], ";"),
		signature:     parts["Signature"],
	}
	for i, h := range a.signedHeaders {
		if h == "" || h != strings.ToLower(h) || i > 0 && a.signedHeaders[i-1] >= h {
			return nil, incomplete("SignedHeaders must be lower case, sorted and unique.")
		}
	}
	return a, nil
}

// authenticate verifies who sent a request: access key, session token, signature and expiry.
func (s *Server) authenticate(r *http.Request, body []byte, now time.Time) (*caller, *apiError) {
	// Two headers joined are malformed, as they should be.
	a, err := parseAuthorization(strings.Join(r.Header.Values("Authorization"), ","))
	if err != nil {
		return nil, err
	}
	c, secret, err := s.lookUp(a.keyID, r.Header.Values("X-Amz-Security-Token"))
	if err != nil {
		return nil, err
	}
	c.region = a.region
	if err := a.verify(r, body, secret, now, s.skew); err != nil {
		return nil, err
	}
	// Last, so that only the holder of a session learns that it has expired.
	if c.session != nil && !now.Before(c.session.expires) {
		return nil, fail(http.StatusForbidden, "ExpiredToken", "The security token included in the request is expired")
	}
	return c, nil
}

// verify checks scope, dates, signed headers and signature.
func (a *authorization) verify(r *http.Request, body []byte, secret string, now time.Time, skew time.Duration) *apiError {
	mismatch := func(format string, args ...any) *apiError {
		return fail(http.StatusForbidden, "SignatureDoesNotMatch", fmt.Sprintf(format, args...))
	}
	dates := r.Header.Values("X-Amz-Date")
	if len(dates) != 1 {
		return fail(http.StatusBadRequest, "IncompleteSignature", "Authorization header requires existence of exactly one 'X-Amz-Date' header.")
	}
	date, err := time.Parse(amzFormat, dates[0])
	if err != nil {
		return fail(http.StatusBadRequest, "IncompleteSignature", "Date must be in ISO-8601 'basic format'. Got '"+dates[0]+"'.")
	}
	switch {
	case a.terminator != "aws4_request":
		return mismatch("Credential should be scoped with a valid terminator: 'aws4_request', not '%s'.", a.terminator)
	case a.service != "sts":
		return mismatch("Credential should be scoped to correct service: 'sts'. ")
	case !isRegion(a.region):
		return mismatch("Credential should be scoped to a valid region. ")
	case a.date != date.Format(dateFormat):
		return mismatch("Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '%s' != '%s', from '%s'.",
			a.date, date.Format(dateFormat), dates[0])
	}
	for _, h := range a.unsigned(r) {
		return mismatch("'%s' must be a 'SignedHeader' in the AWS Authorization.", h)
	}

	hash := sha256.Sum256(body)
	payload := hex.EncodeToString(hash[:])
	for _, claimed := range r.Header.Values("X-Amz-Content-Sha256") {
		if claimed != payload {
			return mismatch("The value of the x-amz-content-sha256 header does not match the calculated value.")
		}
	}
	canonical := a.canonicalRequest(r, payload)
	if !hmac.Equal([]byte(a.signature), []byte(a.sign(canonical, secret, dates[0]))) {
		return mismatch("The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.")
	}

	at := now.UTC().Format(amzFormat)
	minutes := int(skew / time.Minute)
	if limit := now.Add(-skew).UTC(); date.Before(limit.Truncate(time.Second)) {
		return mismatch("Signature expired: %s is now earlier than %s (%s - %d min.)", dates[0], limit.Format(amzFormat), at, minutes)
	}
	if limit := now.Add(skew).UTC(); date.After(limit) {
		return mismatch("Signature not yet current: %s is still later than %s (%s + %d min.)", dates[0], limit.Format(amzFormat), at, minutes)
	}
	return nil
}

// unsigned returns the headers that have to be signed and are not: host, and all of x-amz-*.
func (a *authorization) unsigned(r *http.Request) []string {
	var out []string
	if !slices.Contains(a.signedHeaders, "host") {
		out = append(out, "Host")
	}
	for h := range r.Header {
		if l := strings.ToLower(h); strings.HasPrefix(l, "x-amz-") && !slices.Contains(a.signedHeaders, l) {
			out = append(out, h)
		}
	}
	slices.Sort(out)
	return out
}

func (a *authorization) canonicalRequest(r *http.Request, payload string) string {
	var b strings.Builder
	b.WriteString(r.Method + "\n/\n\n") // parseForm has seen to it that the path is / and the query empty
	for _, h := range a.signedHeaders {
		values := slices.Clone(r.Header.Values(h))
		switch h {
		case "host": // net/http moves it out of the headers
			values = []string{r.Host}
		case "content-length":
			values = []string{itoa(int(r.ContentLength))}
		}
		for i, v := range values {
			values[i] = strings.Join(strings.Fields(v), " ")
		}
		b.WriteString(h + ":" + strings.Join(values, ",") + "\n")
	}
	b.WriteString("\n" + strings.Join(a.signedHeaders, ";") + "\n" + payload)
	return b.String()
}

func (a *authorization) sign(canonical, secret, date string) string {
	hash := sha256.Sum256([]byte(canonical))
	scope := strings.Join([]string{a.date, a.region, a.service, a.terminator}, "/")
	key := []byte("AWS4" + secret)
	for _, part := range []string{a.date, a.region, a.service, a.terminator} {
		key = mac(key, part)
	}
	return hex.EncodeToString(mac(key, algorithm+"\n"+date+"\n"+scope+"\n"+hex.EncodeToString(hash[:])))
}

func mac(key []byte, data string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(data))
	return h.Sum(nil)
}

// isRegion reports whether a name has the shape of a region, such as "eu-west-1". The names of global endpoints,
// such as "aws-global", are never that of a scope.
func isRegion(s string) bool {
	dash := strings.LastIndexByte(s, '-')
	if dash < 1 || dash == len(s)-1 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if !(c == '-' || 'a' <= c && c <= 'z' || i > dash && '0' <= c && c <= '9') {
			return false
		}
	}
	return '0' <= s[len(s)-1] && s[len(s)-1] <= '9'
}
