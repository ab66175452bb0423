package credproc

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"aws-credproc/cache"
	"aws-credproc/credproc/plan"
	"aws-credproc/internal/diag"
	"aws-credproc/profiles"
)

// stsCall describes a call of STS, for its error.
type stsCall struct {
	profile string // the selected profile
	link    plan.Link
	hop     profiles.Hop    // the role, of link 0 too
	source  profiles.Source // of the chain
	caller  string          // the profile whose credentials are used
	keyID   string          // of these; empty if a web identity token is used
}

// callOf describes the call for link n of a plan. Link 0 calls AssumeRoleWithWebIdentity.
func callOf(p plan.Plan, n int, caller cache.Session) stsCall {
	c := stsCall{
		profile: p.Chain.Profile.Name, link: p.Links[n], source: p.Chain.Source,
		caller: p.Links[max(n-1, 0)].Profile, keyID: caller.AccessKeyID,
		hop: profiles.Hop{Profile: p.Chain.Source.Profile, RoleARN: p.Chain.Source.RoleARN},
	}
	if p.Links[n].Role != nil {
		c.hop = *p.Links[n].Role
	}
	return c
}

// isWebIdentity reports whether a web identity token authenticates the call.
func (c stsCall) isWebIdentity() bool { return c.link.Role == nil && !c.link.IsSessionToken() }

// explain returns the error of a failed call as a user reads it.
func (c *stsClient) explain(err error, call stsCall) *diag.Error {
	e := &diag.Error{Profile: call.profile, Err: err}
	e.Set(diag.Temporary, isTemporary(err))
	who := "the web identity token"
	if !call.isWebIdentity() {
		who = "access key " + shownKeyID(call.keyID)
	}
	var api smithy.APIError
	var send *smithyhttp.RequestSendError
	var bad errBadAnswer
	switch {
	case errors.Is(err, context.Canceled):
		e.Err = errInterrupted
	case errors.Is(err, context.DeadlineExceeded):
		e.Err = errors.New("no answer from STS within the time allowed")
		e.Hint = "check the network and the proxy, or allow more with --timeout; STS is at " + c.endpointText()
	case errors.As(err, &api):
		code, message := c.refused(api, err)
		if arn, ok := callerARN(message); ok {
			who = arn
		}
		c.explainRefusal(e, call, code, message)
	case errors.As(err, &bad):
		e.Err = bad
		e.Hint = "check the proxy and the endpoint: " + c.endpointText()
	case errors.As(err, &send):
		e.Err = fmt.Errorf("cannot reach STS: %w", root(send))
		e.Hint = "check the network, the proxy and the endpoint: " + c.endpointText()
	default: // the SDK cannot read the response
		e.Flags |= diag.Temporary
		why := errText(innermost(err).Error()).Error()
		var response *smithyhttp.ResponseError
		if errors.As(err, &response) {
			why = fmt.Sprintf("status %d, %s", response.HTTPStatusCode(), why)
		}
		e.Err = errBadAnswer{why}
		e.Hint = "check the proxy and the endpoint: " + c.endpointText()
	}
	e.Where = "assume role " + call.hop.RoleARN + " as " + who
	if call.link.IsSessionToken() {
		e.Where = call.link.String() + " as " + who
	}
	return e
}

// explainRefusal sets the error for a code and message of STS.
func (c *stsClient) explainRefusal(e *diag.Error, call stsCall, code, message string) {
	if code == unknownError {
		e.Flags |= diag.Temporary
		e.Err = errBadAnswer{message}
		e.Hint = "check the proxy and the endpoint: " + c.endpointText()
		return
	}
	e.Err = errText(code + ": " + message)
	isMFA := strings.HasPrefix(message, mfaFailed)
	e.Set(diag.Denied, !isMFA && slices.Contains([]string{
		"AccessDenied", "AccessDeniedException", "InvalidClientTokenId", "UnrecognizedClientException",
	}, code))
	switch {
	case e.Has(diag.Temporary):
		e.Hint = "STS has a bad moment: try again"
	case isMFA:
		e.Hint = hintForMFA(message, call.hop)
	case call.isWebIdentity():
		e.Hint = call.hintForToken(code)
	default:
		e.Hint = call.hint(code, message)
	}
}

// mfaFailed begins the messages of STS about an MFA device or its code. Their code is AccessDenied.
const mfaFailed = "MultiFactorAuthentication failed"

// unknownError is the SDK's placeholder for a code or message that it does not find.
const unknownError = "UnknownError"

// refused returns the code and message of a refusal. The SDK reads those of AWS; moto and others
// nest the two elements deeper, and a proxy may send anything.
func (c *stsClient) refused(api smithy.APIError, err error) (code, message string) {
	code, message = api.ErrorCode(), api.ErrorMessage()
	if code != unknownError && message != unknownError {
		return code, message
	}
	found := xmlTexts(c.http.refusal, "Code", "Message")
	if code == unknownError && found["Code"] != "" {
		code = found["Code"]
	}
	message = found["Message"]
	var response *smithyhttp.ResponseError
	if message == "" && errors.As(err, &response) {
		message = fmt.Sprintf("status %d and no reason", response.HTTPStatusCode())
	}
	return code, message
}

// endpointText returns the URL of the endpoint, for a hint.
func (c *stsClient) endpointText() string {
	resolved, err := endpointURL(context.Background(), c.endpoint)
	if err != nil {
		return err.Error()
	}
	return resolved
}

// isTemporary reports whether the same call may succeed later with nothing changed.
func isTemporary(err error) bool {
	if errors.Is(err, context.DeadlineExceeded) || errors.As(err, new(errBadAnswer)) {
		return true
	}
	if retry.IsErrorThrottles(retry.DefaultThrottles).IsErrorThrottle(err).Bool() {
		return true
	}
	// Errors of a container's endpoint have a status too, but are not smithyhttp.ResponseErrors.
	var response interface{ HTTPStatusCode() int }
	if errors.As(err, &response) {
		status := response.HTTPStatusCode()
		return status >= 500 || status == http.StatusTooManyRequests || status < 300
	}
	return retry.IsErrorRetryables(retry.DefaultRetryables).IsErrorRetryable(err).Bool() ||
		errors.As(err, new(*smithyhttp.RequestSendError))
}

// errBadAnswer means that a response did not come from STS.
type errBadAnswer struct{ why string }

func (e errBadAnswer) Error() string { return "the answer is none of STS: " + e.why }

// errInterrupted is context.Canceled with another text.
var errInterrupted error = interrupted{}

type interrupted struct{}

func (interrupted) Error() string        { return "interrupted" }
func (interrupted) Is(target error) bool { return target == context.Canceled }

// shownKeyID returns an access key ID for an error. Those of AWS have 20 characters; a longer one may
// be a secret that was pasted into the wrong line.
func shownKeyID(id string) string {
	const longest = 32
	if len(id) > longest {
		return id[:4] + "..."
	}
	return id
}

// xmlTexts returns the text of the first element of each of these names, at any depth, as far as the
// document is XML.
func xmlTexts(document []byte, names ...string) map[string]string {
	texts := map[string]string{}
	decoder := xml.NewDecoder(bytes.NewReader(document))
	var name string
	for {
		token, err := decoder.Token()
		if err != nil {
			return texts
		}
		switch t := token.(type) {
		case xml.StartElement:
			name = t.Name.Local
		case xml.EndElement:
			name = ""
		case xml.CharData:
			if _, have := texts[name]; !have && slices.Contains(names, name) {
				texts[name] = string(t)
			}
		}
	}
}

// callerARN returns the caller in a denial of STS: "User: ARN is not authorized to perform: ...".
func callerARN(message string) (arn string, ok bool) {
	rest, ok := strings.CutPrefix(message, "User: ")
	arn, _, found := strings.Cut(rest, " is not authorized")
	return arn, ok && found && strings.HasPrefix(arn, "arn:") && !strings.ContainsAny(arn, " \t\r\n")
}

// root returns why a request was not sent, without what the SDK and net/http add.
func root(err *smithyhttp.RequestSendError) error {
	var u *url.Error
	if errors.As(err.Err, &u) {
		return errText(u.Err.Error())
	}
	return errText(err.Err.Error())
}

// innermost returns the first cause of an error. It does not quote text in the place of a time,
// which may be a secret.
func innermost(err error) error {
	for cause := errors.Unwrap(err); cause != nil; cause = errors.Unwrap(err) {
		err = cause
	}
	if errors.As(err, new(*time.ParseError)) {
		return errors.New("a time in it is not in the form of RFC 3339")
	}
	return err
}

// errText returns text of limited length as an error. A server may send any amount.
func errText(text string) error {
	const enough = 600
	if len(text) > enough {
		text = text[:enough] + "..."
	}
	return errors.New(text)
}
