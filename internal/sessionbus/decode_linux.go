package sessionbus

import (
	"encoding/binary"
	"errors"
	"strings"
)

const (
	fixedHeader = 16 // bytes before the header fields
	maxFields   = 64 << 10
	maxMessage  = 16 << 20 // the specification allows 128 MiB
	maxDepth    = 32       // of variants in variants
)

var errMalformed = errors.New("a message is malformed")

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
	if b[3] != protocolVersion || fields > maxFields || body > maxMessage-maxFields-fixedHeader {
		return 0, errMalformed
	}
	return fixedHeader + int(fields+7)/8*8 + int(body), nil
}

// decodeMessage decodes a message of the size that messageSize returned for it.
func decodeMessage(b []byte) (message, error) {
	m := message{kind: b[1], order: binary.LittleEndian}
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
		return message{}, errMalformed
	}
	return m, nil
}

// store stores the first values of the body in the results: pointers, a Struct of them, or nil for a
// value that is not needed. The value in a variant is stored like one without.
func (m *message) store(results []any) error {
	d := decoder{b: m.body, order: m.order}
	d.values(string(m.signature), results, 0)
	if d.bad {
		return errMalformed
	}
	return nil
}

// decoder reads values from b. If that has none of the expected type at pos, the decoder becomes bad
// and returns zero values only.
type decoder struct {
	b     []byte
	pos   int
	order binary.ByteOrder
	bad   bool
}

// take returns the next n bytes.
func (d *decoder) take(n int) []byte {
	if d.bad || n < 0 || n > len(d.b)-d.pos {
		d.bad, d.pos = true, len(d.b)
		return make([]byte, min(max(n, 0), 8)) // enough for a number
	}
	d.pos += n
	return d.b[d.pos-n : d.pos]
}

func (d *decoder) align(n int) { d.take((n - d.pos%n) % n) }

func (d *decoder) byte() byte { return d.take(1)[0] }

func (d *decoder) uint32() uint32 {
	d.align(4)
	return d.order.Uint32(d.take(4))
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

func (d *decoder) string() string {
	s := d.take(d.size())
	d.take(1) // NUL
	return string(s)
}

func (d *decoder) signature() string {
	s := d.take(int(d.byte()))
	d.take(1) // NUL
	return string(s)
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

// value reads a value with a signature. An empty signature is that of no value.
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
		*r = ObjectPath(d.string())
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
		*r = readAll[string](d, "s")
	case *[]ObjectPath:
		d.expect(sig, "ao")
		*r = readAll[ObjectPath](d, "o")
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

// readAll reads an array of strings or object paths.
func readAll[T ~string](d *decoder, element string) (all []T) {
	elements := d.array(element)
	for elements.pos < len(elements.b) {
		all = append(all, T(elements.string()))
	}
	d.bad = d.bad || elements.bad
	return all
}

// skip skips a value that is not a variant.
func (d *decoder) skip(sig string, depth int) {
	switch sig[0] {
	case 's', 'o':
		d.string()
	case 'g':
		d.signature()
	case 'a':
		d.array(sig[1:])
	case '(':
		d.align(8)
		for fields := sig[1 : len(sig)-1]; fields != ""; {
			first := firstType(fields)
			d.value(first, nil, depth)
			fields = fields[len(first):]
		}
	default: // a number
		n := alignment(sig)
		d.align(n)
		d.take(n)
	}
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
func firstType(sig string) string {
	end := 0
	switch {
	case sig == "":
		return ""
	case strings.IndexByte("ybnqiuxtdhsogv", sig[0]) >= 0:
		return sig[:1]
	case sig[0] == 'a' && strings.HasPrefix(sig[1:], "{"):
		end = structEnd(sig[1:], '}')
	case sig[0] == 'a':
		end = len(firstType(sig[1:]))
	case sig[0] == '(':
		if end = structEnd(sig, ')'); end > 0 {
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
func structEnd(sig string, last byte) int {
	for i := 1; i < len(sig); {
		if sig[i] == last && i > 1 {
			return i + 1
		}
		first := firstType(sig[i:])
		if first == "" {
			return 0
		}
		i += len(first)
	}
	return 0
}
