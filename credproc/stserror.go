package credproc

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/textproto"
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
	"aws-credproc/internal/printable"
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

	endpoint plan.Endpoint
	// sourceDevice is the mfa_serial of the source's profile, which a role does not inherit.
	sourceDevice string
	// mistyped is a hint about a mistyped key of the role's profile, or "".
	mistyped string
}

// callOf describes the call for link n of a plan. Link 0 calls AssumeRoleWithWebIdentity.
func callOf(p plan.Plan, n int, caller cache.Session) stsCall {
	c := stsCall{
		profile: p.Chain.Profile.Name, link: p.Links[n], source: p.Chain.Source,
		caller: p.Links[max(n-1, 0)].Profile, keyID: caller.AccessKeyID, endpoint: p.Endpoint,
		hop: profiles.Hop{Profile: p.Chain.Source.Profile, RoleARN: p.Chain.Source.RoleARN},
	}
	switch hops := p.Chain.Hops; {
	case p.Links[n].Role != nil:
		c.hop = *p.Links[n].Role
		if key, meant := profiles.Mistyped(p.Chain.Profile); key != "" &&
			c.hop.Profile == p.Chain.Profile.Name {
			c.mistyped = "did you mean " + meant + " instead of " + key + " in [profile " + c.hop.Profile + "]?"
		}
		if t := p.Chain.Source.Type; n == 1 && (t == profiles.Static || t == profiles.Keyring) {
			c.sourceDevice = p.Chain.SourceProfile.Get("mfa_serial")
		}
	case p.Links[n].IsSessionToken() && len(hops) > 0:
		c.hop.Profile = hops[0].Profile // which has the mfa_serial
	}
	return c
}

// isWebIdentity reports whether a web identity token authenticates the call.
func (c stsCall) isWebIdentity() bool { return c.keyID == "" }

// explain returns the error of a failed call as a user reads it.
func (c *stsClient) explain(err error, call stsCall) *diag.Error {
	e := &diag.Error{Profile: call.profile, Where: call.name(), Err: err}
	e.Set(diag.Temporary, isTemporary(err))
	var api smithy.APIError
	region, isUnknown := regionOfEndpoint(c.endpoint, call.profile)
	switch {
	case errors.Is(err, context.Canceled):
		e.Err = errInterrupted
	case isUnknown && !errors.As(err, &api):
		region.describe(e, "STS at "+c.endpointText())
	case errors.As(err, &api) && !errors.Is(err, context.DeadlineExceeded):
		code, message := c.http.refused(api, err)
		if ahead, ok := c.refusedClock(err, code, message); ok {
			e.Err, e.Hint = errors.New(clockText(ahead)), clockHint()
			e.Flags |= diag.Temporary
			break
		}
		c.explainRefusal(e, call, code, message)
	default:
		explainNoAnswer(e, err, "STS", c.endpointText())
	}
	return e
}

// explainNoAnswer sets the error of a call to which a service at a URL has not responded, or
// something else has.
func explainNoAnswer(e *diag.Error, err error, service, at string) {
	var send *smithyhttp.RequestSendError
	var bad errBadAnswer
	switch {
	case errors.Is(err, context.Canceled):
		e.Err = errInterrupted
		return
	case errors.Is(err, context.DeadlineExceeded):
		e.Err = fmt.Errorf("no response from %s at %s before the timeout", service, at)
		e.Hint = "check the network and the proxy, or use a longer --timeout"
		return
	case errors.As(err, &bad):
	case errors.As(err, &send):
		e.Err = fmt.Errorf("cannot reach %s at %s: %w", service, at, root(send))
		e.Hint = cmp.Or(diag.FileLimitHint(err), networkHint)
		return
	default: // the SDK cannot read the response
		e.Flags |= diag.Temporary
		bad.why = printable.Mask(errText(cause(err).Error()).Error())
		var response *smithyhttp.ResponseError
		if errors.As(err, &response) {
			bad.why = fmt.Sprintf("status %d, %s", response.HTTPStatusCode(), bad.why)
		}
	}
	e.Err = fmt.Errorf("the response did not come from %s: %s", service, bad.why)
	e.Hint = "check the proxy and the endpoint " + at
}

// explainRefusal sets the error for a code and message of STS.
func (c *stsClient) explainRefusal(e *diag.Error, call stsCall, code, message string) {
	isMFA := strings.HasPrefix(message, mfaFailed)
	switch {
	case code == unknownError:
		e.Flags |= diag.Temporary
		e.Err, e.Hint = errBadAnswer{message}, c.endpointHint()
		return
	case e.Has(diag.Temporary):
		text := "STS is temporarily unavailable"
		if _, isThrottle := retry.DefaultThrottleErrorCodes[code]; isThrottle {
			text = "STS is throttling requests"
		}
		e.Err = errText(text + ": " + code + ": " + message)
		return
	case isMFA:
		e.Hint = hintForMFA(message, call.hop)
	case call.isWebIdentity():
		e.Hint = call.hintForToken(code)
	default:
		e.Hint = call.hint(code, message)
	}
	e.Err = errText(call.refusalText(code, strings.TrimRight(message, ". \n")))
	e.Set(diag.Denied, !isMFA && isDeniedCode(code))
}

// isDeniedCode reports whether AWS refuses the caller with a code.
func isDeniedCode(code string) bool {
	switch code {
	case "AccessDenied", "AccessDeniedException", "InvalidClientTokenId",
		"UnrecognizedClientException":
		return true
	}
	return false
}

// name returns the name of the call: its action, and the role or device.
func (c stsCall) name() string {
	if c.isWebIdentity() {
		return "AssumeRoleWithWebIdentity " + c.hop.RoleARN
	}
	return c.link.String()
}

// refusalText returns a code and message of STS with the caller. The message of a denial repeats
// what the name of the call says, "User: ARN is not authorized to perform: sts:AssumeRole on
// resource: ARN", and is shortened.
func (c stsCall) refusalText(code, message string) string {
	who := "the web identity token"
	if !c.isWebIdentity() {
		who = "access key " + shownKeyID(c.keyID)
	}
	caller, rest, ok := cutDenial(message)
	if !ok {
		return code + " for " + who + ": " + message
	}
	text := code + " for " + caller
	action, rest, ok := strings.Cut(rest, " on resource: ")
	if !ok {
		return text + ": not authorized to perform: " + action
	}
	if action != "sts:AssumeRole" {
		text += " to perform " + action
	}
	resource, why, _ := strings.Cut(rest, " ")
	if resource != c.hop.RoleARN {
		text += " on " + resource
	}
	if why != "" {
		text += " " + why
	}
	return text
}

// mfaFailed begins the messages of STS about an MFA device or its code. Their code is AccessDenied.
const mfaFailed = "MultiFactorAuthentication failed"

// unknownError is the SDK's placeholder for a code or message that it does not find.
const unknownError = "UnknownError"

// refused returns the code and message of the last refusal. The SDK reads those of AWS; moto and
// others nest the two elements deeper. A response without a code is not one of AWS, and its message
// is the status.
func (c *limitedClient) refused(api smithy.APIError, err error) (code, message string) {
	code, message = api.ErrorCode(), api.ErrorMessage()
	if code != unknownError && message != unknownError {
		return code, message
	}
	found := xmlTexts(c.refusal, "Code", "Message")
	if code == unknownError && found["Code"] != "" {
		code = found["Code"]
	}
	message = found["Message"]
	var response *smithyhttp.ResponseError
	if (message == "" || code == unknownError) && errors.As(err, &response) {
		message = fmt.Sprintf("status %d", response.HTTPStatusCode())
	}
	return code, message
}

// endpointText returns the URL of the endpoint, for an error or a hint.
func (c *stsClient) endpointText() string {
	resolved, err := endpointURL(context.Background(), c.endpoint)
	if err != nil {
		return err.Error()
	}
	return printable.Mask(resolved)
}

func (c *stsClient) endpointHint() string {
	return "check the proxy and the endpoint " + c.endpointText()
}

// isTemporary reports whether the same call may succeed later with nothing changed.
func isTemporary(err error) bool {
	if errors.Is(err, context.DeadlineExceeded) || errors.As(err, new(errBadAnswer)) {
		return true
	}
	if isThrottled(err) {
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

// isThrottled reports whether AWS has not executed a call because there were too many.
func isThrottled(err error) bool {
	return retry.IsErrorThrottles(retry.DefaultThrottles).IsErrorThrottle(err).Bool()
}

// errBadAnswer means that a response did not come from STS. For other services, [explainNoAnswer]
// changes the text.
type errBadAnswer struct{ why string }

func (e errBadAnswer) Error() string { return "the response did not come from STS: " + e.why }

// errInterrupted is context.Canceled with another text.
var errInterrupted error = interrupted{}

type interrupted struct{}

func (interrupted) Error() string        { return "interrupted" }
func (interrupted) Is(target error) bool { return target == context.Canceled }

// shownKeyID returns an access key ID for an error. Those of AWS have 20 characters; a longer one
// may be a secret that was pasted into the wrong line.
func shownKeyID(id string) string {
	const longest = 32
	if len(id) > longest {
		return id[:4] + "..."
	}
	return id
}

// xmlTexts returns the text of the first element of each of these names, at any depth, as far as
// the document is XML.
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

// cutDenial splits a denial of AWS, "User: ARN is not authorized to perform: ...", into the
// caller's ARN and what follows.
func cutDenial(message string) (arn, rest string, ok bool) {
	rest, ok = strings.CutPrefix(message, "User: ")
	arn, rest, found := strings.Cut(rest, " is not authorized to perform: ")
	isARN := strings.HasPrefix(arn, "arn:") && !strings.ContainsAny(arn, " \t\r\n")
	return arn, rest, ok && found && isARN
}

// root returns why a request was not sent or got no response, without what the SDK and net/http
// add. It does not quote the response, which net/http does if it cannot parse one.
func root(err *smithyhttp.RequestSendError) error {
	inner := err.Err
	if u := (*url.Error)(nil); errors.As(inner, &u) {
		inner = u.Err
	}
	if errors.As(inner, new(textproto.ProtocolError)) {
		return errors.New("the response is not valid HTTP")
	}
	text, _, _ := strings.Cut(inner.Error(), `"`)
	return errText(strings.TrimSuffix(strings.TrimRight(text, ":= "), ", debug")) // of an HTTP/2 GOAWAY
}

// cause returns the first cause of an error, in words for a user. It does not quote what could not
// be parsed, which may be a secret.
func cause(err error) error {
	var wrongType *json.UnmarshalTypeError
	switch {
	case errors.As(err, &wrongType) && wrongType.Field == "":
		return errors.New("not a JSON object")
	case errors.As(err, &wrongType):
		return fmt.Errorf("not valid: %s has the wrong type", wrongType.Field)
	case errors.As(err, new(*json.SyntaxError)):
		return errors.New("not valid JSON")
	case errors.As(err, new(*xml.SyntaxError)):
		return errors.New("not valid XML")
	case errors.As(err, new(*time.ParseError)):
		return errors.New("not valid: a time is not in the format of RFC 3339")
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("incomplete")
	case errors.As(err, new(*smithy.DeserializationError)):
		return errors.New("not valid: a field has the wrong type")
	}
	for inner := errors.Unwrap(err); inner != nil; inner = errors.Unwrap(err) {
		err = inner
	}
	return err
}

// isSyntaxError reports whether text could not be parsed, so that [cause] is an adjective.
func isSyntaxError(err error) bool {
	return errors.As(err, new(*json.UnmarshalTypeError)) || errors.As(err, new(*json.SyntaxError)) ||
		errors.As(err, new(*xml.SyntaxError)) || errors.As(err, new(*time.ParseError)) ||
		errors.As(err, new(*smithy.DeserializationError)) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// errText returns text of limited length as an error, because a server may send any amount.
func errText(text string) error {
	const enough = 600
	if len(text) > enough {
		text = text[:enough] + "..."
	}
	return errors.New(text)
}
