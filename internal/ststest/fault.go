package ststest

import (
	"crypto/rand"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"
)

// FaultKind is what goes wrong.
type FaultKind int

const (
	// Slow only waits for [Fault.Delay] and then answers as usual.
	Slow FaultKind = iota
	// Drop closes the connection without an answer. The request is not carried out.
	Drop
	// DropAfter carries the request out (a token code is used up) and closes the connection without an answer.
	DropAfter
	// Swallow never answers: the connection stays open until the client or the server goes.
	Swallow
	// Throttle answers 400 Throttling "Rate exceeded", or with [Fault.Status] if that is set.
	Throttle
	// Fail answers an error of [Fault.Status] (500), [Fault.Code] (by the status) and [Fault.Text] as its message. The text
	// goes into the XML with &, < and > escaped and all else as it is, so that control characters reach the client.
	Fail
	// Truncate carries the request out and sends half of the answer's body under its full Content-Length.
	Truncate
	// WrongDate answers as usual with a Date header that is off by [Fault.By].
	WrongDate
	// LongToken issues a session token of [Fault.Size] bytes, which the server goes on to accept.
	LongToken
	// Expired issues a session that expired [Fault.By] ago (a minute if that is 0).
	Expired
	// OmitField answers as usual without the XML element [Fault.Field].
	OmitField
	// ReplaceField answers as usual with [Fault.Text], unescaped, as the content of the XML element [Fault.Field].
	ReplaceField
	// GarbageBytes answers 200 with random bytes.
	GarbageBytes
	// GarbageHTML answers 200 with a web page, as a captive portal does.
	GarbageHTML
	// GarbageXML answers 200 with well-formed XML of another service.
	GarbageXML
	// GarbageEmpty answers 200 with no body.
	GarbageEmpty
	// GarbageHuge answers 200 with a body of [Fault.Size] bytes (64 MiB), an answer whose session token does not end.
	GarbageHuge
	// GarbageEscapes answers 403 AccessDenied with [Escapes] in code, message and request ID. They are not legal XML.
	GarbageEscapes
	// GarbageC1 is GarbageEscapes with [EscapesC1], which every XML reader lets through.
	GarbageC1
	// GarbageFields answers 200 with [EscapesC1] in every field, in credentials that look whole otherwise.
	GarbageFields
)

// GarbageKinds returns the kinds of fault that answer nonsense, for tests that go through all of them.
func GarbageKinds() []FaultKind {
	return []FaultKind{GarbageBytes, GarbageHTML, GarbageXML, GarbageEmpty, GarbageHuge, GarbageEscapes, GarbageC1, GarbageFields}
}

const (
	// Escapes sets a terminal's title, clears its screen and colours it, with ESC and with C1 controls.
	Escapes = "\x1b]0;owned\x07\x1b[2J\x1b[31m" + EscapesC1 + "\b\r"
	// EscapesC1 does so with characters that are legal in XML only: C1 controls (U+009D OSC, U+009B CSI), a line
	// break, a right-to-left override and a line separator.
	EscapesC1 = "\u009d0;owned\u009c\u009b2J\u009b31m\n\u202e\u2028owned"
)

// Always is the [Fault.Times] of a fault that lasts until [Server.ClearFaults].
const Always = -1

// Fault is something that goes wrong with requests that the server would otherwise answer. Which of the fields count
// is said with each [FaultKind].
type Fault struct {
	Action string        // that it befalls; "" for any
	Skip   int           // requests that pass unharmed first
	Times  int           // requests that it befalls; 0 means 1, [Always] no end
	Delay  time.Duration // real time to wait first, whatever the kind
	Kind   FaultKind

	Status int           // HTTP status
	Code   string        // error code
	Text   string        // message or content
	Field  string        // name of an XML element, such as "Expiration"
	Size   int           // bytes
	By     time.Duration // difference of a time
}

// Fault adds a fault. Each request meets the first fault, in the order of adding, that is for its action and not used up.
func (s *Server) Fault(f Fault) {
	if f.Times == 0 {
		f.Times = 1
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, &f)
}

// ClearFaults removes all faults. Requests that have already met one are not helped.
func (s *Server) ClearFaults() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// takeFault returns the fault that a request meets, the zero Fault (Slow by nothing) if none.
func (s *Server) takeFault(action string) Fault {
	for i, f := range s.faults {
		if f.Action != "" && f.Action != action {
			continue
		}
		if f.Skip > 0 {
			f.Skip--
			continue
		}
		if f.Times != Always {
			if f.Times--; f.Times == 0 {
				s.faults = slices.Delete(s.faults, i, i+1)
			}
		}
		return *f
	}
	return Fault{}
}

// before reports whether the fault takes the place of carrying the request out.
func (f *Fault) before() bool {
	switch f.Kind {
	case Drop, Swallow, Throttle, Fail, GarbageBytes, GarbageHTML, GarbageXML, GarbageEmpty, GarbageHuge, GarbageEscapes, GarbageC1, GarbageFields:
		return true
	}
	return false
}

// after reports whether the fault takes the place of answering.
func (f *Fault) after() bool {
	switch f.Kind {
	case DropAfter, Truncate, OmitField, ReplaceField:
		return true
	}
	return false
}

// misbehave answers as the fault says. re is what the answer would have been, where the request was carried out.
func (s *Server) misbehave(w http.ResponseWriter, r *http.Request, rec *Request, f Fault, re reply) {
	switch f.Kind {
	case Drop, DropAfter:
		s.drop(w, rec)
	case Swallow:
		select {
		case <-r.Context().Done():
		case <-s.done:
		}
		s.drop(w, rec)
	case Throttle:
		s.answer(w, rec, reply{err: fail(orDefault(f.Status, http.StatusBadRequest), "Throttling", "Rate exceeded")})
	case Fail:
		e := fail(orDefault(f.Status, http.StatusInternalServerError), f.Code, f.Text)
		if e.code == "" {
			e.code = "InternalFailure"
			switch {
			case e.status == http.StatusServiceUnavailable:
				e.code = "ServiceUnavailable"
			case e.status < 500:
				e.code = "AccessDenied"
			}
		}
		s.answer(w, rec, reply{err: e})
	case Truncate:
		body := re.body(newRequestID())
		w.Header().Set("Content-Length", itoa(len(body)))
		s.raw(w, rec, re.status(), body[:len(body)/2])
		// The server cuts the connection when a handler has sent less than it promised.
	case OmitField, ReplaceField:
		s.raw(w, rec, re.status(), editField(re.body(newRequestID()), f))
	case GarbageBytes:
		b := make([]byte, 4096)
		rand.Read(b)
		s.raw(w, rec, http.StatusOK, b)
	case GarbageHTML:
		w.Header().Set("Content-Type", "text/html")
		s.raw(w, rec, http.StatusOK, []byte("<!DOCTYPE html>\n<html><head><title>Sign in</title></head><body onload=login()><p>Welcome to the hotel&nbsp;network<br></body></html>\n"))
	case GarbageXML:
		s.raw(w, rec, http.StatusOK, []byte(`<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name><Credentials/></ListBucketResult>`))
	case GarbageEmpty:
		s.raw(w, rec, http.StatusOK, nil)
	case GarbageHuge:
		s.huge(w, rec, f.Size)
	case GarbageEscapes:
		s.answer(w, rec, reply{requestID: Escapes, err: fail(http.StatusForbidden, "AccessDenied"+Escapes, Escapes+" denied")})
	case GarbageC1:
		s.answer(w, rec, reply{requestID: EscapesC1, err: fail(http.StatusForbidden, "AccessDenied"+EscapesC1, EscapesC1+" denied")})
	case GarbageFields:
		re := reply{result: &assumeRoleResult{
			XMLName: resultName(rec.Action),
			Credentials: xmlCredentials{
				AccessKeyID: "ASIA" + EscapesC1, SecretAccessKey: EscapesC1 + "secret", SessionToken: EscapesC1 + "token",
				Expiration: s.Now().Add(time.Hour).UTC().Format(timeFormat),
			},
			AssumedRoleUser: &xmlAssumedRoleUser{ARN: "arn:aws:sts::" + EscapesC1 + ":assumed-role/r/s", ID: "AROA" + EscapesC1},
		}}
		s.answer(w, rec, re)
	}
}

// drop closes the connection. A handler that merely returned would have answered an empty 200.
func (s *Server) drop(w http.ResponseWriter, rec *Request) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		s.answer(w, rec, reply{err: fail(http.StatusInternalServerError, "InternalFailure", "cannot drop this connection: "+err.Error())})
		return
	}
	_ = conn.Close() // nothing was sent, so there is nothing to lose
}

// raw sends a body as it is.
func (s *Server) raw(w http.ResponseWriter, rec *Request, status int, body []byte) {
	s.head(w, rec, status)
	_, _ = w.Write(body) // a client that has gone needs no answer
}

func (s *Server) head(w http.ResponseWriter, rec *Request, status int) {
	s.mu.Lock()
	rec.Status = status
	date := s.now()
	s.mu.Unlock()
	if w.Header().Get("Content-Type") == "" {
		w.Header().Set("Content-Type", "text/xml")
	}
	w.Header().Set("Date", date.UTC().Format(http.TimeFormat))
	w.WriteHeader(status)
}

// huge sends an answer that goes on for size bytes, or until the client has had enough.
func (s *Server) huge(w http.ResponseWriter, rec *Request, size int) {
	size = orDefault(size, 64<<20)
	s.head(w, rec, http.StatusOK)
	head := `<` + rec.Action + `Response xmlns="` + namespace + `"><` + rec.Action + `Result><Credentials><AccessKeyId>ASIAAAAAAAAAAAAAAAAA</AccessKeyId><SessionToken>`
	n, err := io.WriteString(w, head)
	chunk := []byte(strings.Repeat("A", 64<<10))
	for err == nil && n < size {
		var m int
		m, err = w.Write(chunk[:min(len(chunk), size-n)])
		n += m
	}
}

// editField removes an element from an answer, or replaces its content. An answer without it is left as it is.
func editField(body []byte, f Fault) []byte {
	text := string(body)
	open, shut := "<"+f.Field+">", "</"+f.Field+">"
	before, rest, ok := strings.Cut(text, open)
	if !ok {
		return body
	}
	_, after, ok := strings.Cut(rest, shut)
	if !ok {
		return body
	}
	if f.Kind == OmitField {
		return []byte(before + after)
	}
	return []byte(before + open + f.Text + shut + after)
}

func orDefault(v, def int) int {
	if v == 0 {
		return def
	}
	return v
}
