package credproc

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"aws-credproc/cache"
	"aws-credproc/internal/diag"
	"aws-credproc/profiles"
)

// explainFailure turns what the SDK says of a failed call for link n into what a person can act upon. The caller is the
// one whose access key signed the call. Link 0 is a source's role, which a web identity token assumes.
func (c *stsClient) explainFailure(err error, w *way, n int, caller cache.Session) *diag.Error {
	chain := w.plan.Chain
	h := profiles.Hop{Profile: chain.Source.Profile, RoleARN: chain.Source.RoleARN}
	if w.plan.Links[n].Role != nil {
		h = *w.plan.Links[n].Role
	}
	callerProfile, who := w.plan.Links[max(n-1, 0)].Profile, "the web identity token"
	if n > 0 {
		who = "access key " + shownKeyID(caller.AccessKeyID)
	}
	e := &diag.Error{Profile: chain.Profile.Name, Err: err}
	e.Set(diag.Temporary, isPassing(err))

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
		if code == unknownError {
			e.Flags |= diag.Temporary
			e.Err = errBadAnswer{message}
			e.Hint = "check the proxy and the endpoint: " + c.endpointText()
			break
		}
		e.Err = errText(code + ": " + message)
		e.Set(diag.Denied, !strings.HasPrefix(message, mfaFailed) &&
			slices.Contains([]string{"AccessDenied", "AccessDeniedException", "InvalidClientTokenId", "UnrecognizedClientException"}, code))
		switch {
		case strings.HasPrefix(message, mfaFailed):
			e.Hint = hintForMFA(message, h)
		case n == 0:
			e.Hint = hintForToken(code, h)
		default:
			e.Hint = hintFor(code, message, chain.Profile.Name, h, chain.Source, callerProfile)
		}
		if e.Has(diag.Temporary) {
			e.Hint = "STS has a bad moment: try again"
		}
	case errors.As(err, &bad):
		e.Err = bad
		e.Hint = "check the proxy and the endpoint: " + c.endpointText()
	case errors.As(err, &send):
		e.Err = fmt.Errorf("cannot reach STS: %w", root(send))
		e.Hint = "check the network, the proxy and the endpoint: " + c.endpointText()
	default: // the SDK cannot read the answer
		e.Flags |= diag.Temporary
		why := errText(innermost(err).Error()).Error()
		var response *smithyhttp.ResponseError
		if errors.As(err, &response) {
			why = fmt.Sprintf("status %d, %s", response.HTTPStatusCode(), why)
		}
		e.Err = errBadAnswer{why}
		e.Hint = "check the proxy and the endpoint: " + c.endpointText()
	}
	e.Where = "assume role " + h.RoleARN + " as " + who
	if w.plan.Links[n].IsSessionToken() {
		e.Where = w.plan.Links[n].String() + " as " + who
	}
	return e
}

// mfaFailed is how STS begins what it has against an MFA device or its code. Its code for that is AccessDenied.
const mfaFailed = "MultiFactorAuthentication failed"

// refused gives the code and message of a refusal. The SDK knows the form of AWS's own; moto and other stand-ins nest
// the two elements deeper, and what is in the way to AWS may answer with no such thing at all.
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

// errInterrupted is context.Canceled in words for a person.
var errInterrupted error = interrupted{}

type interrupted struct{}

func (interrupted) Error() string        { return "interrupted" }
func (interrupted) Is(target error) bool { return target == context.Canceled }

// shownKeyID is an access key ID for an error. AWS's have 20 characters; what is longer may be the secret, pasted into
// the wrong line.
func shownKeyID(id string) string {
	const longest = 32
	if len(id) > longest {
		return id[:4] + "..."
	}
	return id
}

// unknownError is what the SDK puts in the place of a code or message that it does not find.
const unknownError = "UnknownError"

// xmlTexts gives the text of the first element of each of these names, wherever it stands. What is no XML has none.
func xmlTexts(document []byte, names ...string) map[string]string {
	texts := map[string]string{}
	decoder := xml.NewDecoder(bytes.NewReader(document))
	var name string
	for {
		token, err := decoder.Token()
		if err != nil {
			return texts // at the end, or where it stops being XML
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

// callerARN finds who was denied in STS's message: "User: ARN is not authorized to perform: ...".
func callerARN(message string) (arn string, ok bool) {
	rest, ok := strings.CutPrefix(message, "User: ")
	arn, _, found := strings.Cut(rest, " is not authorized")
	return arn, ok && found && strings.HasPrefix(arn, "arn:") && !strings.ContainsAny(arn, " \t\r\n")
}

// hintFor says what to do about an error code of STS; profile is the one that was asked for.
// https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html
func hintFor(code, message, profile string, h profiles.Hop, source profiles.Source, callerProfile string) string {
	switch code {
	case "AccessDenied", "AccessDeniedException":
		hint := "the caller's policy and the role's trust policy must both allow it, and " + deniedBy(message)
		const both = "; aws-credproc explain --policies %s prints both as they must be"
		if h.ExternalID == "" {
			return hint + "; one that asks for an external ID needs external_id in [profile " + h.Profile + "]" + fmt.Sprintf(both, profiles.Argument(profile))
		}
		return hint + fmt.Sprintf(both, profiles.Argument(profile)) + ", with the external_id of [profile " + h.Profile + "]"
	case "InvalidClientTokenId", "UnrecognizedClientException":
		hint := "AWS does not know the access key of profile " + callerProfile + ", or it is inactive"
		switch {
		case source.Type == profiles.Keyring:
			hint += ": put a new one into the credentials file as [" + source.Profile + "], and run aws-credproc import " + profiles.Argument(source.Profile)
		case source.Location != "":
			hint += ": correct it in the " + source.Location
		}
		return hint
	case "SignatureDoesNotMatch":
		if strings.Contains(message, "valid region") {
			return "the region, which [profile " + profile + "] or AWS_REGION names, is none of STS: correct it"
		}
		return "the secret access key of profile " + callerProfile + " is wrong, or this machine's clock is"
	case "ExpiredToken", "ExpiredTokenException":
		return "the session in profile " + callerProfile + " is over: put new credentials there"
	case "RegionDisabledException":
		return "activate STS for that region in the account, or set another region in the profile"
	case "ValidationError":
		if strings.Contains(message, "role chaining") {
			return "a role that is assumed from a session, of another role or for an MFA device, lasts an hour at most: remove duration_seconds from [profile " + h.Profile + "]"
		}
		if strings.Contains(message, "MaxSessionDuration") {
			return "ask for less, by duration_seconds in [profile " + h.Profile + "] or by --duration, or let the role allow more"
		}
		return "correct the settings of [profile " + h.Profile + "]"
	case "MalformedPolicyDocument", "PackedPolicyTooLarge", "InvalidParameterValue":
		return "correct the settings of [profile " + h.Profile + "]"
	}
	return ""
}

// hintForMFA is hintFor where STS has something against the MFA device or its code.
func hintForMFA(message string, h profiles.Hop) string {
	switch {
	case strings.Contains(message, "invalid MFA one time pass code"):
		return "AWS takes a code once: wait for the next one; and see that the clock of what shows it is right"
	case strings.Contains(message, "unable to validate"):
		return "correct mfa_serial in [profile " + h.Profile + "]: the ARN of a device of the user whose keys these are (aws iam list-mfa-devices)"
	}
	return "add mfa_serial to [profile " + h.Profile + "]"
}

// hintForToken is hintFor where a web identity token assumes the role.
// https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html#API_AssumeRoleWithWebIdentity_Errors
func hintForToken(code string, h profiles.Hop) string {
	switch code {
	case "AccessDenied":
		return "the role's trust policy must allow sts:AssumeRoleWithWebIdentity to the token's provider, with conditions that the token meets"
	case "ExpiredToken", "ExpiredTokenException":
		return "the token is over: whoever writes it must write a new one"
	case "InvalidIdentityToken", "IDPRejectedClaim":
		return "the account must know the token's provider and audience (an IAM OIDC provider)"
	}
	return hintFor(code, "", h.Profile, h, profiles.Source{}, h.Profile)
}

// endpointText names the endpoint for an error.
func (c *stsClient) endpointText() string {
	resolved, err := endpointURL(context.Background(), c.endpoint)
	if err != nil {
		return err.Error()
	}
	return resolved
}

// root gives the reason of a request that was not sent: the SDK and net/http each put words of their own around it.
func root(err *smithyhttp.RequestSendError) error {
	var u *url.Error
	if errors.As(err.Err, &u) {
		return errText(u.Err.Error())
	}
	return errText(err.Err.Error())
}

// innermost gives the first cause of an error, without what it quotes: text in the place of a time may be a secret.
func innermost(err error) error {
	for cause := errors.Unwrap(err); cause != nil; cause = errors.Unwrap(err) {
		err = cause
	}
	if errors.As(err, new(*time.ParseError)) {
		return errors.New("a time in it is not in the form of RFC 3339")
	}
	return err
}

// errText is a text of bounded length as an error: what a server answers may be of any size.
func errText(text string) error {
	const enough = 600
	if len(text) > enough {
		text = text[:enough] + "..."
	}
	return errors.New(text)
}

// deniedBy returns which policy probably caused a denial, according to the message of STS. Only
// newer messages name it.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
func deniedBy(message string) string {
	for _, other := range []string{
		"service control policy", "resource control policy", "permissions boundary",
		"session policy", "VPC endpoint policy",
	} {
		if strings.Contains(message, other) {
			return "here a " + other + " stands against it"
		}
	}
	switch {
	case strings.Contains(message, "role trust policy"), strings.Contains(message, "resource-based policy"):
		return "here it is the trust policy that does not"
	case strings.Contains(message, "identity-based policy"):
		return "here it is the caller's policy that does not"
	}
	return "probably it is the trust policy that does not"
}
