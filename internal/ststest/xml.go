package ststest

import (
	"bytes"
	"crypto/rand"
	"encoding/xml"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	apiVersion = "2011-06-15"
	namespace  = "https://sts.amazonaws.com/doc/2011-06-15/"
	timeFormat = "2006-01-02T15:04:05Z" // of UTC times in answers
)

// apiError is an answer other than 2xx.
type apiError struct {
	status  int
	code    string
	message string
}

func fail(status int, code, message string) *apiError { return &apiError{status, code, message} }

// reply is what is to be answered: a result, or an error.
type reply struct {
	result     any
	err        *apiError
	requestID  string // "" for a fresh one
	dateOffset time.Duration
}

func (re reply) status() int {
	if re.err != nil {
		return re.err.status
	}
	return http.StatusOK
}

type (
	xmlCredentials struct {
		AccessKeyID     string `xml:"AccessKeyId"`
		SecretAccessKey string
		SessionToken    string
		Expiration      string
	}
	xmlAssumedRoleUser struct {
		ID  string `xml:"AssumedRoleId"`
		ARN string `xml:"Arn"`
	}
	assumeRoleResult struct {
		XMLName          xml.Name
		AssumedRoleUser  *xmlAssumedRoleUser
		Credentials      xmlCredentials
		PackedPolicySize int    `xml:",omitempty"`
		SourceIdentity   string `xml:",omitempty"`
		// With web identity only.
		Subject  string `xml:"SubjectFromWebIdentityToken,omitempty"`
		Audience string `xml:",omitempty"`
		Provider string `xml:",omitempty"`
	}
	getSessionTokenResult struct {
		XMLName     xml.Name
		Credentials xmlCredentials
	}
	getCallerIdentityResult struct {
		XMLName xml.Name
		ARN     string `xml:"Arn"`
		UserID  string `xml:"UserId"`
		Account string
	}
	response struct {
		XMLName   xml.Name
		Namespace string `xml:"xmlns,attr"`
		Result    any
		RequestID string `xml:"ResponseMetadata>RequestId"`
	}
)

func resultName(action string) xml.Name { return xml.Name{Local: action + "Result"} }

// String keeps the secrets of an answer out of logs and test failures.
func (c xmlCredentials) String() string   { return c.AccessKeyID + " (redacted)" }
func (c xmlCredentials) GoString() string { return c.String() }

func (re reply) body(requestID string) []byte {
	if re.err != nil {
		kind := "Sender"
		if re.err.status >= 500 {
			kind = "Receiver"
		}
		// Not by encoding/xml, which would replace the control characters that a fault sends.
		esc := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")
		return []byte("<ErrorResponse xmlns=\"" + namespace + "\">\n  <Error>\n    <Type>" + kind + "</Type>\n    <Code>" +
			esc.Replace(re.err.code) + "</Code>\n    <Message>" + esc.Replace(re.err.message) + "</Message>\n  </Error>\n  <RequestId>" +
			esc.Replace(requestID) + "</RequestId>\n</ErrorResponse>\n")
	}
	var name string
	switch r := re.result.(type) {
	case *assumeRoleResult:
		name = r.XMLName.Local
	case *getSessionTokenResult:
		name = r.XMLName.Local
	case *getCallerIdentityResult:
		name = r.XMLName.Local
	}
	var b bytes.Buffer
	enc := xml.NewEncoder(&b)
	enc.Indent("", "  ")
	err := enc.Encode(response{
		XMLName:   xml.Name{Local: strings.TrimSuffix(name, "Result") + "Response"},
		Namespace: namespace, Result: re.result, RequestID: requestID,
	})
	if err != nil {
		return reply{err: fail(http.StatusInternalServerError, "InternalFailure", err.Error())}.body(requestID)
	}
	b.WriteByte('\n')
	return b.Bytes()
}

func newRequestID() string {
	var b [16]byte
	rand.Read(b[:])
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

func itoa(n int) string { return strconv.Itoa(n) }
