package ststest

import (
	"cmp"
	"crypto/rand"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// fail responds as the fault demands. resp is the regular response of an executed request.
func (x *exchange) fail(resp response) {
	switch f := x.fault; f.Kind {
	case Drop:
		x.drop()
	case Swallow:
		select {
		case <-x.r.Context().Done():
		case <-x.server.done:
		}
		x.drop()
	case Throttle:
		x.respond(response{err: badRequest("Throttling", "Rate exceeded")})
	case Fail:
		x.respond(response{err: f.error()})
	case Truncate:
		resp.requestID = newRequestID()
		body := resp.body()
		x.w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		x.send(resp.status(), string(body[:len(body)/2])) // net/http then cuts the connection
	case OmitField, ReplaceField:
		resp.requestID = newRequestID()
		x.send(resp.status(), f.edit(string(resp.body())))
	case GarbageBytes:
		b := make([]byte, 4096)
		rand.Read(b)
		x.send(http.StatusOK, string(b))
	case GarbageHTML:
		x.w.Header().Set("Content-Type", "text/html")
		x.send(cmp.Or(f.Status, http.StatusOK), "<!DOCTYPE html>\n<html><head><title>Sign in</title></head>"+
			"<body onload=login()><p>Welcome to the hotel&nbsp;network<br></body></html>\n")
	case GarbageXML:
		x.send(http.StatusOK, `<?xml version="1.0"?>`+
			`<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">`+
			`<Name>b</Name><Credentials/></ListBucketResult>`)
	case GarbageEmpty:
		x.send(http.StatusOK, "")
	case GarbageHuge:
		x.sendHuge(cmp.Or(f.Size, 64<<20))
	case GarbageEscapes:
		x.respondGarbage(escapes)
	case GarbageC1:
		x.respondGarbage(escapesC1)
	case GarbageFields:
		x.respond(response{action: x.record.Action, result: garbageResult(x.server.Now())})
	}
}

// error returns the error of a [Fail] fault.
func (f *Fault) error() *apiError {
	status := cmp.Or(f.Status, http.StatusInternalServerError)
	code := "InternalFailure"
	switch {
	case status == http.StatusServiceUnavailable:
		code = "ServiceUnavailable"
	case status < 500:
		code = "AccessDenied"
	}
	return fail(status, cmp.Or(f.Code, code), f.Text)
}

// edit removes or replaces an XML element. A body without the element is returned unchanged.
func (f *Fault) edit(body string) string {
	start, end := "<"+f.Field+">", "</"+f.Field+">"
	before, rest, found := strings.Cut(body, start)
	_, after, closed := strings.Cut(rest, end)
	switch {
	case !found || !closed:
		return body
	case f.Kind == OmitField:
		return before + after
	}
	return before + start + f.Text + end + after
}

// send sends a body as is.
func (x *exchange) send(status int, body string) {
	x.sendHead(status, "")
	_, _ = io.WriteString(x.w, body) // fails only if the client is gone
}

// sendHuge sends a body of size bytes, or until the client closes the connection.
func (x *exchange) sendHuge(size int) {
	x.sendHead(http.StatusOK, "")
	action := x.record.Action
	n, err := io.WriteString(x.w, `<`+action+`Response xmlns="`+namespace+`"><`+action+
		`Result><Credentials><AccessKeyId>ASIAAAAAAAAAAAAAAAAA</AccessKeyId><SessionToken>`)
	chunk := strings.Repeat("A", 64<<10)
	for err == nil && n < size {
		var m int
		m, err = io.WriteString(x.w, chunk[:min(len(chunk), size-n)])
		n += m
	}
}

// respondGarbage responds with an error that holds the text in all places.
func (x *exchange) respondGarbage(text string) {
	err := fail(http.StatusForbidden, "AccessDenied"+text, text+" denied")
	x.respond(response{requestID: text, err: err})
}

// garbageResult returns a complete result with control characters in each field.
func garbageResult(now time.Time) *result {
	return &result{
		Credentials: &credentials{
			AccessKeyID: "ASIA" + escapesC1, SecretAccessKey: escapesC1 + "secret",
			SessionToken: escapesC1 + "token",
			Expiration:   now.Add(time.Hour).UTC().Format(timeFormat),
		},
		AssumedRoleUser: &assumedRoleUser{
			ARN: "arn:aws:sts::" + escapesC1 + ":assumed-role/r/s", ID: "AROA" + escapesC1,
		},
	}
}
