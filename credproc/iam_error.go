package credproc

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"aws-credproc/internal/diag"
	"aws-credproc/internal/printable"
)

// iamRefusal returns the error for a response with an error status, in the form of the SDK's, so
// that the SDK's retryer can read it. Without a code it is not IAM's, but that of a proxy, and it is
// not known whether IAM has executed the call.
func iamRefusal(response *http.Response, body []byte) error {
	status := fmt.Sprintf("status %d", response.StatusCode)
	found := xmlTexts(body, "Code", "Message")
	var err error = errBadIAM{status}
	if code := printable.Clean(found["Code"], 128); code != "" {
		err = &smithy.GenericAPIError{Code: code, Message: cmp.Or(found["Message"], status)}
	}
	return &awshttp.ResponseError{ResponseError: &smithyhttp.ResponseError{
		Response: &smithyhttp.Response{Response: response}, Err: err,
	}}
}

// explain returns the error of a failed action as a user reads it.
func (c *iamClient) explain(err error, action string) *diag.Error {
	e := &diag.Error{Profile: c.profile, Where: action, Err: err}
	e.Set(diag.Temporary, isTemporary(err))
	at := printable.Mask(c.endpoint.URL)
	var api smithy.APIError
	var send *smithyhttp.RequestSendError
	var bad errBadIAM
	switch {
	case errors.Is(err, context.Canceled):
		e.Err = errInterrupted
	case errors.Is(err, context.DeadlineExceeded):
		e.Err = fmt.Errorf("no response from IAM at %s before the timeout", at)
		e.Hint = "check the network and the proxy, or use a longer --timeout"
	case errors.As(err, &api):
		c.explainRefusal(e, api.ErrorCode(), strings.TrimRight(api.ErrorMessage(), ". \n"), action)
	case errors.As(err, &bad):
		e.Err = bad
		e.Flags |= diag.Temporary
		e.Hint = "check the proxy and the endpoint " + at
	case errors.As(err, &send):
		e.Err = fmt.Errorf("cannot reach IAM at %s: %w", at, root(send))
		e.Hint = cmp.Or(diag.FileLimitHint(err), networkHint)
	}
	return e
}

// explainRefusal sets the error for a code and message of IAM.
func (c *iamClient) explainRefusal(e *diag.Error, code, message, action string) {
	if e.Has(diag.Temporary) {
		e.Err = errText("IAM is temporarily unavailable: " + code + ": " + message)
		return
	}
	caller, rest, ok := cutDenial(message)
	if !ok {
		e.Set(diag.Denied, slices.Contains([]string{
			"AccessDenied", "AccessDeniedException", "InvalidClientTokenId", "UnrecognizedClientException",
		}, code))
		e.Err = errText(code + " for access key " + shownKeyID(c.session.AccessKeyID) + ": " + message)
		return
	}
	e.Flags |= diag.Denied
	text := code + " for " + caller
	if strings.Contains(rest, "explicit deny") {
		text += " (explicit deny)"
	}
	e.Err = errText(text)
	e.Hint = "a policy of the user must allow iam:" + action
	if c.session.SessionToken == "" {
		e.Hint += "; if it requires MFA, set mfa_serial in [profile " + c.profile + "]"
	}
}
