package sessionbus

import (
	"encoding/binary"
	"errors"
	"strings"
)

const (
	fixedHeader = 16 // bytes before the header fields
	maxFields   = 64 << 10
	maxMessage  = 4 << 20 // the paths of some 40,000 items; the specification allows 128 MiB
	maxDepth    = 32      // of variants in variants
	maxNesting  = 64      // of arrays and structures; the specification allows 32 of each
)

var (
	errMalformed = errors.New("a message is malformed")
	errTooLarge  = errors.New("a message is too large")
)

// message is a message that was received.
type message struct {
	kind        byte
	path        ObjectPath
	iface       string
	member      string
	errorName   string
	replySerial uint32
	sender      string
	signature   signature
	order       binary.ByteOrder
	body        []byte
}

// messageSize returns the size of the message that starts with the fixed header b.
func messageSize(b []byte) (int, error) {
	var order binary.ByteOrder = binary.LittleEndian
	switch b[0] {
	case littleEndian:
	case bigEndian:
		order = binary.BigEndian
	default:
		return 0, errMalformed
	}
	body, fields := order.Uint32(b[4:]), order.Uint32(b[12:])
	switch {
	case b[3] != protocolVersion:
		return 0, errMalformed
	case fields > maxFields, body > maxMessage-maxFields-fixedHeader:
		return 0, errTooLarge
	}
	return fixedHeader + int(fields+7)/8*8 + int(body), nil
}

// decodeMessage decodes a message of the size that messageSize returned for it.
func decodeMessage(b []byte) (*message, error) {
	m := &message{kind: b[1], order: binary.LittleEndian}
	if b[0] == bigEndian {
		m.order = binary.BigEndian
	}
	bodySize, fields := m.order.Uint32(b[4:]), m.order.Uint32(b[12:])
	m.body = b[len(b)-int(bodySize):]
	results := [...]any{
		fieldPath: &m.path, fieldInterface: &m.iface, fieldMember: &m.member,
		fieldErrorName: &m.errorName, fieldReplySerial: &m.replySerial, fieldSender: &m.sender,
		fieldSignature: &m.signature,
	}
	d := decoder{b: b[:fixedHeader+fields], pos: fixedHeader, order: m.order}
	for d.pos < len(d.b) {
		d.align(8)
		var result any
		if code := d.byte(); int(code) < len(results) {
			result = results[code]
		}
		d.value("v", result, 0)
	}
	if d.bad {
		return nil, errMalformed
	}
	return m, nil
}

// store stores the first values of the body in the results: pointers, a Struct of them, or nil for a
// value that is not needed. The value in a variant is stored like one without. After an error, the
// results may hold anything.
func (m *message) store(results []any) error {
	d := decoder{b: m.body, order: m.order}
	d.values(string(m.signature), results, 0)
	if d.bad {
		return errMalformed
	}
	return nil
}

// decoder reads values from b. If there is no valid value of the expected type at pos, the decoder
// becomes bad, and all further values are zero.
type decoder struct {
	b     []byte
	pos   int
	order binary.ByteOrder
	bad   bool
}

// take returns the next n bytes, none if the decoder is bad.
func (d *decoder) take(n int) []byte {
	if d.bad || n > len(d.b)-d.pos {
		d.bad, d.pos = true, len(d.b)
		return nil
	}
	d.pos += n
	return d.b[d.pos-n : d.pos]
}

func (d *decoder) align(n int) { d.take((n - d.pos%n) % n) }

func (d *decoder) byte() byte {
	if b := d.take(1); len(b) == 1 {
		return b[0]
	}
	return 0
}

func (d *decoder) uint32() uint32 {
	d.align(4)
	if b := d.take(4); len(b) == 4 {
		return d.order.Uint32(b)
	}
	return 0
}

// size returns the size of a string or an array.
func (d *decoder) size() int {
	n := d.uint32()
	if n > maxMessage {
		d.bad = true
		return 0
	}
	return int(n)
}

func (d *decoder) string() string { return d.text(d.size()) }

func (d *decoder) signature() string { return d.text(int(d.byte())) }

// text returns a text of n bytes, before a NUL.
func (d *decoder) text(n int) string {
	s := string(d.take(n))
	if d.byte() != 0 || !isText(s) {
		d.bad = true
	}
	return s
}

func (d *decoder) path() ObjectPath {
	s := d.string()
	d.bad = d.bad || !isPath(s)
	return ObjectPath(s)
}

// isPath reports whether s is the path of an object.
// https://dbus.freedesktop.org/doc/dbus-specification.html#message-protocol-marshaling-object-path
func isPath(s string) bool {
	for name := range strings.SplitSeq(strings.TrimPrefix(s, "/"), "/") {
		if name == "" && s != "/" || strings.ContainsFunc(name, isNotNameRune) {
			return false
		}
	}
	return strings.HasPrefix(s, "/")
}

func isNotNameRune(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '_'
}

// array returns the elements of an array.
func (d *decoder) array(element string) *decoder {
	n := d.size()
	d.align(alignment(element))
	start := d.pos
	d.take(n)
	return &decoder{b: d.b[:d.pos], pos: min(start, d.pos), order: d.order, bad: d.bad}
}

// values reads values with a signature, as many as there are results, and returns the signature of
// those after them.
func (d *decoder) values(sig string, results []any, depth int) (rest string) {
	for _, result := range results {
		first := firstType(sig)
		d.value(first, result, depth)
		sig = sig[len(first):]
	}
	return sig
}

// value reads a value with a signature. An empty one is not valid.
func (d *decoder) value(sig string, result any, depth int) {
	for ; sig == "v" && !d.bad; depth++ {
		sig = d.signature()
		d.bad = d.bad || depth == maxDepth || firstType(sig) != sig
	}
	switch {
	case d.bad || sig == "":
		d.bad = true
	case result == nil:
		d.skip(sig, depth)
	default:
		d.store(sig, result, depth)
	}
}

// store reads a value that is not a variant into a result.
func (d *decoder) store(sig string, result any, depth int) {
	switch r := result.(type) {
	case *string:
		d.expect(sig, "s")
		*r = d.string()
	case *ObjectPath:
		d.expect(sig, "o")
		*r = d.path()
	case *signature:
		d.expect(sig, "g")
		*r = signature(d.signature())
	case *bool:
		d.expect(sig, "b")
		*r = d.uint32() != 0
	case *uint32:
		d.expect(sig, "u")
		*r = d.uint32()
	case *int32:
		d.expect(sig, "i")
		*r = int32(d.uint32())
	case *[]byte:
		d.expect(sig, "ay")
		elements := d.array("y")
		*r = elements.b[elements.pos:]
	case *[]string:
		d.expect(sig, "as")
		*r = readAll(d, "s", (*decoder).string)
	case *[]ObjectPath:
		d.expect(sig, "ao")
		*r = readAll(d, "o", (*decoder).path)
	case Struct:
		d.align(8)
		if sig[0] != '(' || d.values(sig[1:len(sig)-1], r, depth) != "" {
			d.bad = true
		}
	default:
		panic("sessionbus: a result of an unknown type")
	}
}

// expect makes the decoder bad if a signature is not the wanted one.
func (d *decoder) expect(sig, want string) { d.bad = d.bad || sig != want }

// readAll reads an array of elements with a signature.
func readAll[T any](d *decoder, sig string, element func(*decoder) T) (all []T) {
	elements := d.array(sig)
	for elements.pos < len(elements.b) {
		all = append(all, element(elements))
	}
	d.bad = d.bad || elements.bad
	return all
}

// skip skips the first of some values and returns the signature of those after it.
func (d *decoder) skip(sig string, depth int) (rest string) {
	switch sig[0] {
	case 'v':
		d.value("v", nil, depth)
	case 's', 'o':
		d.string()
	case 'g':
		d.signature()
	case 'a':
		array := firstType(sig)
		d.array(array[1:])
		return sig[len(array):]
	case '(':
		d.align(8)
		for sig = sig[1:]; sig[0] != ')'; {
			sig = d.skip(sig, depth)
		}
	default: // a number
		n := alignment(sig)
		d.align(n)
		d.take(n)
	}
	return sig[1:]
}

// alignment returns the alignment of values with a signature, which is the size of those that are
// numbers.
func alignment(sig string) int {
	switch sig[0] {
	case 'y', 'g', 'v':
		return 1
	case 'n', 'q':
		return 2
	case 'x', 't', 'd', '(', '{':
		return 8
	}
	return 4
}

// firstType returns the signature of the first of some values, empty if there is none or it is not
// valid.
func firstType(sig string) string { return typeAt(sig, 0) }

// typeAt is firstType for values in a structure or an array at a depth.
func typeAt(sig string, depth int) string {
	end := 0
	switch {
	case sig == "" || depth > maxNesting:
		return ""
	case strings.IndexByte("ybnqiuxtdhsogv", sig[0]) >= 0:
		return sig[:1]
	case sig[0] == 'a' && strings.HasPrefix(sig[1:], "{"):
		end = structEnd(sig[1:], '}', depth+1)
	case sig[0] == 'a':
		end = len(typeAt(sig[1:], depth+1))
	case sig[0] == '(':
		if end = structEnd(sig, ')', depth+1); end > 0 {
			return sig[:end]
		}
	}
	if end == 0 {
		return ""
	}
	return sig[:1+end]
}

// structEnd returns the length of the signature of a structure at the start of sig, 0 if it is not
// valid.
func structEnd(sig string, last byte, depth int) int {
	for i := 1; i < len(sig); {
		if sig[i] == last && i > 1 {
			return i + 1
		}
		first := typeAt(sig[i:], depth)
		if first == "" {
			return 0
		}
		i += len(first)
	}
	return 0
}
