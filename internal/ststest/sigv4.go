package ststest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// authorization is the Authorization header of Signature Version 4, see
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
type authorization struct {
	credential    string // "AKIA.../20260131/eu-west-1/sts/aws4_request"
	keyID, region string // from the credential
	signedHeaders string // "content-type;host;x-amz-date"
	signature     string // hexadecimal
}

func parseAuthorization(headers []string) (*authorization, *apiError) {
	if len(headers) == 0 {
		return nil, fail(http.StatusForbidden, "MissingAuthenticationToken",
			"Request is missing Authentication Token")
	}
	incomplete := func(why string) *apiError { return badRequest("IncompleteSignature", why) }
	algorithm, rest, _ := strings.Cut(headers[0], " ")
	if algorithm != "AWS4-HMAC-SHA256" {
		return nil, incomplete("Unsupported AWS 'algorithm': '" + algorithm + "'.")
	}
	parts := make(map[string]string)
	for part := range strings.SplitSeq(rest, ",") {
		k, v, _ := strings.Cut(strings.TrimSpace(part), "=")
		parts[k] = v
	}
	for _, k := range []string{"Credential", "Signature", "SignedHeaders"} {
		if parts[k] == "" {
			return nil, incomplete("Authorization header requires '" + k + "' parameter.")
		}
	}
	scope := strings.Split(parts["Credential"], "/")
	if len(headers) > 1 || len(parts) != 3 || strings.Count(rest, ",") != 2 || len(scope) != 5 {
		return nil, incomplete("Authorization header is malformed.")
	}
	return &authorization{
		credential: parts["Credential"], keyID: scope[0], region: scope[2],
		signedHeaders: parts["SignedHeaders"], signature: parts["Signature"],
	}, nil
}

// authenticate verifies access key, session token, signature and expiration, and sets the caller.
func (c *call) authenticate(r *http.Request, body []byte, service string) *apiError {
	a, err := parseAuthorization(r.Header.Values("Authorization"))
	if err != nil {
		return err
	}
	creds, err := c.lookUp(a.keyID, r.Header.Values("X-Amz-Security-Token"))
	if err != nil {
		return err
	}
	if err := c.verifySignature(a, r, body, creds, service); err != nil {
		return err
	}
	// Last: only the holder of a session may learn that it has expired.
	if s := c.caller.session; s != nil && !c.now.Before(s.expires) {
		return fail(http.StatusForbidden, "ExpiredToken",
			"The security token included in the request is expired")
	}
	if k, ok := c.keys[a.keyID]; ok {
		k.used = keyUse{c.now, service, a.region}
	}
	return nil
}

// lookUp sets the caller and returns its credentials. A long-term key must come without a session
// token, and a session with its own.
func (c *call) lookUp(keyID string, tokens []string) (aws.Credentials, *apiError) {
	creds := aws.Credentials{AccessKeyID: keyID}
	if k, ok := c.keys[keyID]; ok && len(tokens) == 0 && !k.inactive && !c.now.Before(k.works) {
		c.caller = &caller{user: k.user}
		creds.SecretAccessKey = k.secret
		return creds, nil
	}
	if s, ok := c.sessions[keyID]; ok && slices.Equal(tokens, []string{s.token}) {
		c.caller = &caller{user: s.user, role: s.role, session: s}
		creds.SecretAccessKey, creds.SessionToken = s.secret, s.token
		return creds, nil
	}
	return creds, fail(http.StatusForbidden, "InvalidClientTokenId",
		"The security token included in the request is invalid.")
}

// verifySignature compares the signature with the one that the SDK computes.
func (c *call) verifySignature(
	a *authorization, r *http.Request, body []byte, creds aws.Credentials, service string,
) *apiError {
	const format = "20060102T150405Z"
	date, err := time.Parse(format, strings.Join(r.Header.Values("X-Amz-Date"), ","))
	if err != nil {
		return badRequest("IncompleteSignature", "Authorization header requires existence of "+
			"exactly one 'X-Amz-Date' header in ISO-8601 'basic format'.")
	}
	mismatch := func(format string, args ...any) *apiError {
		return fail(http.StatusForbidden, "SignatureDoesNotMatch", fmt.Sprintf(format, args...))
	}
	if !isRegion(a.region) || service == "iam" && a.region != iamRegion {
		return mismatch("Credential should be scoped to a valid region. ")
	}
	sum := sha256.Sum256(body)
	hash := hex.EncodeToString(sum[:])
	if claimed := r.Header.Values("X-Amz-Content-Sha256"); len(claimed) > 0 && claimed[0] != hash {
		return mismatch("The value of the x-amz-content-sha256 header does not match the " +
			"calculated value.")
	}
	want, apiErr := a.sign(r, hash, creds, service, date)
	if apiErr != nil || *a != *want {
		return mismatch("The request signature we calculated does not match the signature you " +
			"provided. Check your AWS Secret Access Key and signing method. Consult the service " +
			"documentation for details.")
	}

	at, minutes := c.now.UTC().Format(format), int(c.skew/time.Minute)
	if first := c.now.Add(-c.skew).UTC().Truncate(time.Second); date.Before(first) {
		return mismatch("Signature expired: %s is now earlier than %s (%s - %d min.)",
			date.Format(format), first.Format(format), at, minutes)
	}
	if last := c.now.Add(c.skew).UTC(); date.After(last) {
		return mismatch("Signature not yet current: %s is still later than %s (%s + %d min.)",
			date.Format(format), last.Format(format), at, minutes)
	}
	return nil
}

// sign signs a copy of the request with the SDK's signer. The copy has the signed headers and all
// X-Amz-* headers, because those must be signed.
func (a *authorization) sign(
	r *http.Request, hash string, creds aws.Credentials, service string, date time.Time,
) (*authorization, *apiError) {
	again := &http.Request{
		Method: r.Method, URL: &url.URL{Scheme: "http", Path: "/"}, Host: r.Host,
		Header: http.Header{},
	}
	signed := strings.Split(a.signedHeaders, ";")
	for name, values := range r.Header {
		lower := strings.ToLower(name)
		if slices.Contains(signed, lower) || strings.HasPrefix(lower, "x-amz-") {
			again.Header[name] = slices.Clone(values)
		}
	}
	if slices.Contains(signed, "content-length") {
		again.ContentLength = r.ContentLength
	}
	err := v4.NewSigner().SignHTTP(context.Background(), creds, again, hash, service, a.region, date)
	if err != nil {
		return nil, fail(http.StatusInternalServerError, "InternalFailure", err.Error())
	}
	return parseAuthorization(again.Header.Values("Authorization"))
}

// isRegion reports whether a name has the form of a region, such as "eu-west-1". "aws-global" does
// not.
func isRegion(s string) bool {
	name := strings.TrimRight(s, "0123456789")
	return name != s && strings.Count(name, "-") >= 2 && strings.HasSuffix(name, "-") &&
		strings.Trim(name, "abcdefghijklmnopqrstuvwxyz-") == ""
}
