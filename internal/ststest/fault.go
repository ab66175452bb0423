package ststest

import (
	"slices"
	"time"
)

// FaultKind is what goes wrong.
type FaultKind int

const (
	// Slow waits for [Fault.Delay] and then responds normally.
	Slow FaultKind = iota
	// Drop closes the connection without executing the request.
	Drop
	// Swallow never responds. The connection stays open until the client or the server closes it.
	Swallow
	// Throttle responds with a Throttling error.
	Throttle
	// Fail responds with an error of [Fault.Status] (default 500), [Fault.Code] (default by
	// status) and the message [Fault.Text].
	Fail
	// Truncate executes the request and sends half of the body with the Content-Length of all of it.
	Truncate
	// LongToken issues a valid session token of [Fault.Size] bytes.
	LongToken
	// Expired issues a session that expired [Fault.By] ago (default 1 minute). If By is negative,
	// the session expires that far in the future.
	Expired
	// OmitField responds without the XML element [Fault.Field].
	OmitField
	// ReplaceField responds with [Fault.Text] as the unescaped content of the XML element
	// [Fault.Field].
	ReplaceField
	// GarbageBytes responds 200 with random bytes.
	GarbageBytes
	// GarbageHTML responds with a web page, like a captive portal, and [Fault.Status] (default 200).
	GarbageHTML
	// GarbageXML responds 200 with the XML of another service.
	GarbageXML
	// GarbageEmpty responds 200 without a body.
	GarbageEmpty
	// GarbageHuge responds 200 with an endless session token, cut off at [Fault.Size] bytes
	// (default 64 MiB).
	GarbageHuge
	// GarbageEscapes responds AccessDenied with terminal escape sequences in code, message and
	// request ID. They are not legal XML.
	GarbageEscapes
	// GarbageC1 is GarbageEscapes with C1 control characters, which XML parsers accept.
	GarbageC1
	// GarbageFields responds 200 with C1 control characters in every field.
	GarbageFields
)

const (
	// escapes sets a terminal's title, clears its screen and changes its color.
	escapes = "\x1b]0;owned\x07\x1b[2J\x1b[31m" + escapesC1 + "\b\r"
	// escapesC1 does the same with characters that are legal in XML: C1 controls (U+009D OSC,
	// U+009B CSI), a line break, a right-to-left override and a line separator.
	escapesC1 = "\u009d0;owned\u009c\u009b2J\u009b31m\n\u202e\u2028owned"
)

// Always is the [Fault.Times] of a fault that lasts until [Server.ClearFaults].
const Always = -1

// Fault is a failure of the server. The comment on each [FaultKind] names the fields that it uses.
type Fault struct {
	Action string        // the action it applies to; "" for all
	Times  int           // the number of requests it applies to; 0 means 1
	Delay  time.Duration // real time to wait before responding, for all kinds
	Kind   FaultKind

	Status int
	Code   string
	Text   string
	Field  string // name of an XML element, such as "Expiration"
	Size   int    // bytes
	By     time.Duration
}

// Fault adds a fault. The faults for an action apply in the order in which they were added.
func (s *Server) Fault(f Fault) {
	if f.Times == 0 {
		f.Times = 1
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, &f)
}

// ClearFaults removes all faults. Requests in progress keep theirs.
func (s *Server) ClearFaults() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// takeFault returns the fault for a request; the zero Fault changes nothing.
func (s *Server) takeFault(action string) Fault {
	i := slices.IndexFunc(s.faults, func(f *Fault) bool {
		return f.Action == "" || f.Action == action
	})
	if i < 0 {
		return Fault{}
	}
	f := s.faults[i]
	if f.Times != Always {
		if f.Times--; f.Times == 0 {
			s.faults = slices.Delete(s.faults, i, i+1)
		}
	}
	return *f
}

// replacesCall reports whether the request is not executed.
func (f *Fault) replacesCall() bool {
	switch f.Kind {
	case Slow, LongToken, Expired:
		return false
	}
	return !f.replacesResponse()
}

// replacesResponse reports whether the request is executed and its response changed.
func (f *Fault) replacesResponse() bool {
	return f.Kind == Truncate || f.Kind == OmitField || f.Kind == ReplaceField
}
