package sessionbus

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// ObjectPath names an object.
type ObjectPath string

// Variant is an argument of any type.
type Variant struct{ Value any }

// Struct has all fields of a structure: values of an argument, or pointers of a result.
type Struct []any

// signature is the signature of values.
type signature string

// signatureOf returns the signature of an argument.
func signatureOf(arg any) string {
	switch v := arg.(type) {
	case bool:
		return "b"
	case int32:
		return "i"
	case uint32:
		return "u"
	case int64:
		return "x"
	case string:
		return "s"
	case ObjectPath:
		return "o"
	case Variant:
		return "v"
	case []byte:
		return "ay"
	case []ObjectPath:
		return "ao"
	case map[string]string:
		return "a{ss}"
	case map[string]Variant:
		return "a{sv}"
	case Struct:
		return "(" + signatureOfAll(v) + ")"
	}
	panic(fmt.Sprintf("sessionbus: a value of type %T", arg))
}

func signatureOfAll(args []any) (all string) {
	for _, arg := range args {
		all += signatureOf(arg)
	}
	return all
}

// encoder appends values to b in the byte order "l". Values are aligned from start on.
// https://dbus.freedesktop.org/doc/dbus-specification.html#message-protocol-marshaling
type encoder struct {
	b     []byte
	start int
	bad   bool // a value cannot be sent: the bus would close the connection
}

var errNotUTF8 = errors.New("a text is not valid UTF-8, or has a NUL")

// isText reports whether a value can be a string.
func isText(s string) bool { return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 }

func (e *encoder) align(n int) {
	for (len(e.b)-e.start)%n != 0 {
		e.b = append(e.b, 0)
	}
}

func (e *encoder) uint32(v uint32) {
	e.align(4)
	e.b = binary.LittleEndian.AppendUint32(e.b, v)
}

func (e *encoder) string(s string) {
	e.bad = e.bad || !isText(s)
	e.uint32(uint32(len(s)))
	e.b = append(e.b, s...)
	e.b = append(e.b, 0)
}

func (e *encoder) signature(s string) {
	e.b = append(e.b, byte(len(s)))
	e.b = append(e.b, s...)
	e.b = append(e.b, 0)
}

// array appends an array whose elements the function appends. Its length does not include the
// padding before the first element.
func (e *encoder) array(alignment int, elements func()) {
	e.uint32(0)
	length := len(e.b) - 4
	e.align(alignment)
	start := len(e.b)
	elements()
	binary.LittleEndian.PutUint32(e.b[length:], uint32(len(e.b)-start))
}

// value appends an argument.
func (e *encoder) value(arg any) {
	switch v := arg.(type) {
	case bool:
		var n uint32
		if v {
			n = 1
		}
		e.uint32(n)
	case int32:
		e.uint32(uint32(v))
	case uint32:
		e.uint32(v)
	case int64:
		e.align(8)
		e.b = binary.LittleEndian.AppendUint64(e.b, uint64(v))
	case string:
		e.string(v)
	case ObjectPath:
		e.string(string(v))
	case signature:
		e.signature(string(v))
	case Variant:
		e.signature(signatureOf(v.Value))
		e.value(v.Value)
	case []byte:
		e.array(1, func() { e.b = append(e.b, v...) })
	case []ObjectPath:
		e.array(4, func() {
			for _, path := range v {
				e.value(path)
			}
		})
	case map[string]string:
		e.array(8, func() {
			for key, value := range v {
				e.value(Struct{key, value})
			}
		})
	case map[string]Variant:
		e.array(8, func() {
			for key, value := range v {
				e.value(Struct{key, value})
			}
		})
	case Struct:
		e.align(8)
		for _, field := range v {
			e.value(field)
		}
	}
}

// https://dbus.freedesktop.org/doc/dbus-specification.html#message-protocol-messages
const (
	littleEndian    = 'l'
	bigEndian       = 'B'
	flagNoAutoStart = 2
	protocolVersion = 1

	// Types of messages.
	typeCall   = 1
	typeReply  = 2
	typeError  = 3
	typeSignal = 4

	// Codes of header fields.
	fieldPath        = 1
	fieldInterface   = 2
	fieldMember      = 3
	fieldErrorName   = 4
	fieldReplySerial = 5
	fieldDestination = 6
	fieldSender      = 7
	fieldSignature   = 8
)

// appendCall appends a call to b. The error is errNotUTF8.
func appendCall(
	b []byte, serial uint32, destination string, path ObjectPath, iface, member string, args []any,
) ([]byte, error) {
	e := &encoder{b: b, start: len(b)}
	e.b = append(e.b, littleEndian, typeCall, flagNoAutoStart, protocolVersion)
	e.uint32(0) // the length of the body
	e.uint32(serial)
	e.array(8, func() {
		field := func(code byte, sig string, value any) {
			e.align(8)
			e.b = append(e.b, code)
			e.signature(sig)
			e.value(value)
		}
		field(fieldPath, "o", path)
		field(fieldInterface, "s", iface)
		field(fieldMember, "s", member)
		field(fieldDestination, "s", destination)
		if len(args) > 0 {
			field(fieldSignature, "g", signature(signatureOfAll(args)))
		}
	})
	e.align(8)
	body := len(e.b)
	for _, arg := range args {
		e.value(arg)
	}
	binary.LittleEndian.PutUint32(e.b[e.start+4:], uint32(len(e.b)-body))
	if e.bad {
		return nil, errNotUTF8
	}
	return e.b, nil
}
