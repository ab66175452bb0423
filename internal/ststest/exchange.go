package ststest

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// maxBody is the largest accepted request body, far above the largest STS parameters.
const maxBody = 256 << 10

// exchange is one HTTP request and its response.
type exchange struct {
	server *Server
	w      http.ResponseWriter
	r      *http.Request
	record *Request
	fault  Fault
}

func (x *exchange) serve() {
	body, err := io.ReadAll(http.MaxBytesReader(x.w, x.r.Body, maxBody))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		x.respond(response{err: fail(http.StatusRequestEntityTooLarge, "RequestEntityTooLarge",
			"Request body is too large")})
		return
	case err != nil: // the client is gone
		x.drop()
		return
	}
	form, formErr := parseForm(x.r, body)
	x.record, x.fault = x.server.add(x.r, form)

	if !x.delay() {
		x.drop()
		return
	}
	if x.fault.replacesCall() {
		x.fail(response{})
		return
	}
	resp := response{err: formErr}
	if formErr == nil {
		resp = x.call(body, form)
	}
	if x.fault.replacesResponse() {
		x.fail(resp)
		return
	}
	x.respond(resp)
}

// call executes the request.
func (x *exchange) call(body []byte, form map[string]string) response {
	s := x.server
	s.mu.Lock()
	defer s.mu.Unlock()
	c := &call{
		iam: &s.iam, now: s.now(), skew: s.skew, fault: x.fault, params: newParams(form),
	}
	result, err := c.run(x.r, body, form["Action"], form["Version"])
	return response{action: form["Action"], result: result, err: err}
}

// delay waits as long as the fault demands. It reports whether a response is still wanted.
func (x *exchange) delay() bool {
	if x.fault.Delay == 0 {
		return true
	}
	t := time.NewTimer(x.fault.Delay)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-x.r.Context().Done():
	case <-x.server.done:
	}
	return false
}

// respond sends a response.
func (x *exchange) respond(resp response) {
	id := newRequestID()
	x.w.Header().Set("X-Amzn-RequestId", id)
	if resp.requestID == "" {
		resp.requestID = id
	}
	code := ""
	if resp.err != nil {
		code = resp.err.code
	}
	x.sendHead(resp.status(), code)
	_, _ = x.w.Write(resp.body()) // fails only if the client is gone
}

// sendHead sends the status and headers, and records them.
func (x *exchange) sendHead(status int, errorCode string) {
	s := x.server
	s.mu.Lock()
	x.record.Status, x.record.ErrorCode = status, errorCode
	date := s.now()
	s.mu.Unlock()
	h := x.w.Header()
	if h.Get("Content-Type") == "" {
		h.Set("Content-Type", "text/xml")
	}
	h.Set("Date", date.UTC().Format(http.TimeFormat))
	x.w.WriteHeader(status)
}

// drop closes the connection without a response.
func (x *exchange) drop() {
	conn, _, err := http.NewResponseController(x.w).Hijack()
	if err != nil {
		x.respond(response{err: fail(http.StatusInternalServerError, "InternalFailure",
			"cannot drop this connection: "+err.Error())})
		return
	}
	_ = conn.Close() // nothing was written
}

// parseForm returns the parameters of a query-protocol request. A repeated parameter is refused.
func parseForm(r *http.Request, body []byte) (map[string]string, *apiError) {
	if r.Method != http.MethodPost || r.URL.Path != "/" || r.URL.RawQuery != "" {
		return nil, fail(http.StatusNotFound, "UnknownOperationException",
			"this server takes POST requests to /")
	}
	contentType, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	if strings.TrimSpace(contentType) != "application/x-www-form-urlencoded" {
		return nil, badRequest("MalformedInput",
			"Content-Type must be application/x-www-form-urlencoded")
	}
	values, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, badRequest("MalformedQueryString", "The query string contains a syntax error")
	}
	form := make(map[string]string, len(values))
	for k, v := range values {
		if len(v) != 1 {
			return nil, badRequest("MalformedInput", "Parameter sent more than once: "+k)
		}
		form[k] = v[0]
	}
	return form, nil
}
