package ststest

import (
	"crypto/rand"
	"encoding/xml"
	"fmt"
	"net/http"
	"strings"
)

const (
	apiVersion = "2011-06-15"
	namespace  = "https://sts.amazonaws.com/doc/2011-06-15/"
	timeFormat = "2006-01-02T15:04:05Z" // of UTC times in responses
)

// apiError is an error response.
type apiError struct {
	status        int
	code, message string
}

func fail(status int, code, message string) *apiError { return &apiError{status, code, message} }

func badRequest(code, message string) *apiError {
	return fail(http.StatusBadRequest, code, message)
}

func invalid(message string) *apiError { return badRequest("ValidationError", message) }

func denied(message string) *apiError {
	return fail(http.StatusForbidden, "AccessDenied", message)
}

// response is the result of an action, or an error.
type response struct {
	action    string
	result    *result
	err       *apiError
	requestID string
}

// result holds the result elements of all actions.
type result struct {
	XMLName xml.Name

	Credentials      *credentials     `xml:",omitempty"`
	AssumedRoleUser  *assumedRoleUser `xml:",omitempty"`
	PackedPolicySize int              `xml:",omitempty"`
	SourceIdentity   string           `xml:",omitempty"`

	// Of AssumeRoleWithWebIdentity.
	Subject  string `xml:"SubjectFromWebIdentityToken,omitempty"`
	Audience string `xml:",omitempty"`
	Provider string `xml:",omitempty"`

	// Of GetCallerIdentity.
	ARN     string `xml:"Arn,omitempty"`
	UserID  string `xml:"UserId,omitempty"`
	Account string `xml:",omitempty"`

	// Of the actions of IAM.
	Keys     []keyMetadata `xml:"AccessKeyMetadata>member,omitempty"`
	Key      *createdKey   `xml:"AccessKey,omitempty"`
	UserName string        `xml:",omitempty"`
	LastUsed *keyUseXML    `xml:"AccessKeyLastUsed,omitempty"`
}

type assumedRoleUser struct {
	ID  string `xml:"AssumedRoleId"`
	ARN string `xml:"Arn"`
}

type credentials struct {
	AccessKeyID     string `xml:"AccessKeyId"`
	SecretAccessKey string
	SessionToken    string
	Expiration      string
}

// String keeps secrets out of logs.
func (c credentials) String() string { return c.AccessKeyID + " (redacted)" }

// GoString keeps secrets out of logs.
func (c credentials) GoString() string { return c.String() }

func (r response) status() int {
	if r.err != nil {
		return r.err.status
	}
	return http.StatusOK
}

func (r response) body() []byte {
	if r.err != nil {
		return r.errorBody()
	}
	space := namespace
	if iamAction(r.action) != nil {
		space = iamNamespace
	}
	if r.result != nil { // some actions have none
		r.result.XMLName.Local = r.action + "Result"
	}
	b, err := xml.MarshalIndent(struct {
		XMLName   xml.Name
		Namespace string  `xml:"xmlns,attr"`
		Result    *result `xml:",omitempty"`
		RequestID string  `xml:"ResponseMetadata>RequestId"`
	}{xml.Name{Local: r.action + "Response"}, space, r.result, r.requestID}, "", "  ")
	if err != nil {
		r.err = fail(http.StatusInternalServerError, "InternalFailure", err.Error())
		return r.errorBody()
	}
	return append(b, '\n')
}

// errorBody does not use encoding/xml, which would replace the control characters of a fault.
func (r response) errorBody() []byte {
	sender := "Sender"
	if r.err.status >= 500 {
		sender = "Receiver"
	}
	escape := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace
	return fmt.Appendf(nil, `<ErrorResponse xmlns=%q>
  <Error>
    <Type>%s</Type>
    <Code>%s</Code>
    <Message>%s</Message>
  </Error>
  <RequestId>%s</RequestId>
</ErrorResponse>
`, namespace, sender, escape(r.err.code), escape(r.err.message), escape(r.requestID))
}

func newRequestID() string {
	var b [16]byte
	rand.Read(b[:])
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
