package sessionbus

import (
	"bytes"
	"encoding/binary"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/godbus/dbus/v5"
)

// TestCallIsEncodedAsSpecified decodes calls with another implementation.
func TestCallIsEncodedAsSpecified(t *testing.T) {
	secret := Struct{ObjectPath("/s"), []byte(nil), []byte("hush"), "text/plain"}
	for name, test := range map[string]struct{ arg, want any }{
		"bool":      {true, true},
		"int32":     {int32(-7), int32(-7)},
		"uint32":    {uint32(7), uint32(7)},
		"int64":     {int64(-1) << 40, int64(-1) << 40},
		"string":    {"naïve", "naïve"},
		"path":      {ObjectPath("/a/b"), dbus.ObjectPath("/a/b")},
		"paths":     {[]ObjectPath{"/a", "/bcd"}, []dbus.ObjectPath{"/a", "/bcd"}},
		"no paths":  {[]ObjectPath{}, []dbus.ObjectPath{}},
		"bytes":     {[]byte("x\x00y"), []byte("x\x00y")},
		"variant":   {Variant{"text"}, dbus.MakeVariant("text")},
		"nested":    {Variant{Variant{uint32(1)}}, dbus.MakeVariant(dbus.MakeVariant(uint32(1)))},
		"struct":    {secret, []any{dbus.ObjectPath("/s"), []byte{}, []byte("hush"), "text/plain"}},
		"strings":   {map[string]string{"a": "1", "bcd": ""}, map[string]string{"a": "1", "bcd": ""}},
		"empty map": {map[string]string{}, map[string]string{}},
		"variants": {
			map[string]Variant{"l": {"x"}, "attributes": {map[string]string{"a": "b"}}},
			map[string]dbus.Variant{
				"l": dbus.MakeVariant("x"), "attributes": dbus.MakeVariant(map[string]string{"a": "b"}),
			},
		},
	} {
		// A byte before the message, and an argument before the value, move its alignment.
		b, err := appendCall([]byte{0xff}, 9, "org.example.To", "/object", "org.example.If", "Do",
			[]any{true, test.arg, "end"})
		if err != nil {
			t.Fatal(err)
		}
		b = b[1:]
		size, err := messageSize(b)
		if err != nil || size != len(b) {
			t.Errorf("%s: size %d, %v, want %d", name, size, err, len(b))
		}
		m, err := dbus.DecodeMessage(bytes.NewReader(b))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if want := []any{true, test.want, "end"}; !reflect.DeepEqual(m.Body, want) {
			t.Errorf("%s: %v, want %v", name, m.Body, want)
		}
		headers := []any{
			m.Serial(), m.Flags, m.Type, m.Headers[dbus.FieldDestination].Value(),
			m.Headers[dbus.FieldPath].Value(), m.Headers[dbus.FieldInterface].Value(),
			m.Headers[dbus.FieldMember].Value(),
		}
		if want := []any{
			uint32(9), dbus.FlagNoAutoStart, dbus.TypeMethodCall, "org.example.To",
			dbus.ObjectPath("/object"), "org.example.If", "Do",
		}; !reflect.DeepEqual(headers, want) {
			t.Errorf("%s: %v, want %v", name, headers, want)
		}
	}
}

// encoded returns a message as another implementation encodes it.
func encoded(
	t testing.TB, order binary.ByteOrder, kind dbus.Type, headers map[dbus.HeaderField]any, body ...any,
) []byte {
	t.Helper()
	m := &dbus.Message{Type: kind, Headers: map[dbus.HeaderField]dbus.Variant{}, Body: body}
	for field, value := range headers {
		m.Headers[field] = dbus.MakeVariant(value)
	}
	if len(body) > 0 {
		m.Headers[dbus.FieldSignature] = dbus.MakeVariant(dbus.SignatureOf(body...))
	}
	var b bytes.Buffer
	if err := m.EncodeTo(&b, order); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func encodedReply(t testing.TB, order binary.ByteOrder, serial uint32, body ...any) []byte {
	return encoded(t, order, dbus.TypeMethodReply, map[dbus.HeaderField]any{
		dbus.FieldReplySerial: serial, dbus.FieldSender: ":1.5", dbus.FieldDestination: ":1.6",
	}, body...)
}

// decode decodes a message and stores its body in the results.
func decode(b []byte, results ...any) (*message, error) {
	if len(b) < fixedHeader {
		return nil, errMalformed
	}
	size, err := messageSize(b)
	if err != nil || size > len(b) {
		return nil, errMalformed
	}
	m, err := decodeMessage(b[:size])
	if err == nil {
		err = m.store(results)
	}
	return m, err
}

// TestReplyIsDecodedAsSpecified decodes what another implementation encodes.
func TestReplyIsDecodedAsSpecified(t *testing.T) {
	type secret struct {
		Session     dbus.ObjectPath
		Params      []byte
		Value       []byte
		ContentType string
	}
	hush := secret{"/s", nil, []byte("hush"), "text/plain"}
	for name, test := range map[string]struct{ value, result, want any }{
		"string":             {"naïve", new(string), "naïve"},
		"path":               {dbus.ObjectPath("/a"), new(ObjectPath), ObjectPath("/a")},
		"true":               {true, new(bool), true},
		"uint32":             {uint32(7), new(uint32), uint32(7)},
		"int32":              {int32(-7), new(int32), int32(-7)},
		"bytes":              {[]byte("xyz"), new([]byte), []byte("xyz")},
		"strings":            {[]string{"a", "bcd"}, new([]string), []string{"a", "bcd"}},
		"no strings":         {[]string{}, new([]string), []string(nil)},
		"paths":              {[]dbus.ObjectPath{"/a", "/b"}, new([]ObjectPath), []ObjectPath{"/a", "/b"}},
		"variant":            {dbus.MakeVariant(true), new(bool), true},
		"variant in variant": {dbus.MakeVariant(dbus.MakeVariant("x")), new(string), "x"},
		"variant of paths": {
			dbus.MakeVariant([]dbus.ObjectPath{"/a"}), new([]ObjectPath), []ObjectPath{"/a"},
		},
		"struct": {hush, Struct{nil, nil, new([]byte), nil}, Struct{nil, nil, []byte("hush"), nil}},
		"variant of struct": {
			dbus.MakeVariant(hush), Struct{new(ObjectPath), nil, nil, nil},
			Struct{ObjectPath("/s"), nil, nil, nil},
		},
		"skipped map": {map[string]dbus.Variant{"a": dbus.MakeVariant(uint64(1))}, nil, nil},
		"skipped numbers": {
			struct {
				A byte
				B int16
				C uint64
				D float64
				E []uint64
				F [][]string
			}{1, 2, 3, 4, []uint64{5}, [][]string{{"x"}, {}}}, nil, nil,
		},
	} {
		for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
			var last string
			m, err := decode(encodedReply(t, order, 3, byte(1), test.value, "end"), nil, test.result, &last)
			if err != nil || last != "end" || m.replySerial != 3 || m.sender != ":1.5" ||
				m.kind != typeReply {
				t.Errorf("%s, %v: %v, %+v, %q", name, order, err, m, last)
			}
			if got := pointedTo(test.result); test.want != nil && !reflect.DeepEqual(got, test.want) {
				t.Errorf("%s, %v: %v, want %v", name, order, got, test.want)
			}
		}
	}
}

// pointedTo returns what a result points to.
func pointedTo(result any) any {
	if fields, ok := result.(Struct); ok {
		all := make(Struct, len(fields))
		for i, field := range fields {
			all[i] = pointedTo(field)
		}
		return all
	}
	if v := reflect.ValueOf(result); v.Kind() == reflect.Pointer {
		return v.Elem().Interface()
	}
	return result
}

func TestResultOfAnotherTypeIsMalformed(t *testing.T) {
	secret := struct{ A, B string }{"a", "b"}
	for name, test := range map[string]struct{ value, result any }{
		"path for a string":     {dbus.ObjectPath("/a"), new(string)},
		"string for a path":     {"/a", new(ObjectPath)},
		"strings for paths":     {[]string{"/a"}, new([]ObjectPath)},
		"number for a bool":     {uint32(1), new(bool)},
		"string for bytes":      {"x", new([]byte)},
		"string for a struct":   {"x", Struct{new(string)}},
		"variant of a number":   {dbus.MakeVariant(uint32(1)), new(string)},
		"struct with less":      {secret, Struct{nil, nil, nil}},
		"struct with more":      {secret, Struct{nil}},
		"struct of other types": {secret, Struct{nil, new(uint32)}},
	} {
		if _, err := decode(encodedReply(t, binary.LittleEndian, 1, test.value), test.result); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := decode(encodedReply(t, binary.LittleEndian, 1, "x"), nil, nil); err == nil {
		t.Error("a missing value: no error")
	}
}

func TestMalformedMessages(t *testing.T) {
	good := encodedReply(t, binary.LittleEndian, 1, []string{"value"})
	if _, err := decode(good, new([]string)); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(b []byte){
		"byte order":          func(b []byte) { b[0] = 'x' },
		"version":             func(b []byte) { b[3] = 2 },
		"large body":          func(b []byte) { b[7] = 0xff },
		"large header":        func(b []byte) { b[15] = 0xff },
		"header with no end":  func(b []byte) { b[12] = 1 },
		"length of an array":  func(b []byte) { b[len(b)-14] = 0xff },
		"length of a string":  func(b []byte) { b[len(b)-10] = 0xff },
		"string behind array": func(b []byte) { b[len(b)-10]++ },
		"type of a field": func(b []byte) {
			copy(b, bytes.Replace(b, []byte("\x05\x01u"), []byte("\x05\x01i"), 1))
		},
		"end of a string": func(b []byte) { b[len(b)-1] = 'x' },
		"text":            func(b []byte) { b[len(b)-2] = 0xff },
		"NUL in a text":   func(b []byte) { b[len(b)-2] = 0 },
		"signature":       func(b []byte) { copy(b, bytes.Replace(b, []byte("\x02as"), []byte("\x02a("), 1)) },
	} {
		b := slices.Clone(good)
		if change(b); bytes.Equal(b, good) {
			t.Errorf("%s: nothing was changed", name)
		}
		if _, err := decode(b, new([]string)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestVariantsAreNestedToALimit(t *testing.T) {
	for depth, isGood := range map[int]bool{maxDepth: true, maxDepth + 1: false} {
		value := dbus.MakeVariant("x")
		for range depth - 1 {
			value = dbus.MakeVariant(value)
		}
		_, err := decode(encodedReply(t, binary.LittleEndian, 1, value), nil)
		if (err == nil) != isGood {
			t.Errorf("%d variants: %v", depth, err)
		}
	}
}

func TestIsPath(t *testing.T) {
	for path, want := range map[string]bool{
		"/": true, "/a": true, "/org/freedesktop/secrets/collection/login/1": true, "/_": true,
		"": false, "a": false, "/a/": false, "//": false, "/a//b": false, "/a-b": false, "/é": false,
		"/a\x00": false, "/a\n": false, "/a b": false,
	} {
		if got := isPath(path); got != want || got != dbus.ObjectPath(path).IsValid() {
			t.Errorf("%q: %t", path, got)
		}
	}
}

func TestFirstType(t *testing.T) {
	for sig, want := range map[string]string{
		"s": "s", "su": "s", "as": "as", "aas": "aas", "a{sv}u": "a{sv}", "(oayays)b": "(oayays)",
		"(s(u))": "(s(u))", "a(ss)": "a(ss)", "": "", "a": "", "aa": "", "(": "", "()": "", "(s": "", "{sv}": "",
		"a{": "", "a{}": "", "a{s": "", "z": "", ")": "", "a)": "", "(a)": "",
		strings.Repeat("a", 64) + "s": strings.Repeat("a", 64) + "s",
		strings.Repeat("a", 65) + "s": "",
		strings.Repeat("(", 64) + "s" + strings.Repeat(")", 64): strings.Repeat("(", 64) + "s" +
			strings.Repeat(")", 64),
		strings.Repeat("(", 65) + "s" + strings.Repeat(")", 65): "",
	} {
		if got := firstType(sig); got != want {
			t.Errorf("%q: %q, want %q", sig, got, want)
		}
	}
}

// FuzzMessage compares with another implementation what both accept.
func FuzzMessage(f *testing.F) {
	for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		f.Add(encodedReply(f, order, 1, "x", []string{"y"}, dbus.MakeVariant([]byte("z"))))
		f.Add(encoded(f, order, dbus.TypeError, map[dbus.HeaderField]any{
			dbus.FieldErrorName: "org.example.Error", dbus.FieldReplySerial: uint32(2),
		}, "text"))
		f.Add(encoded(f, order, dbus.TypeSignal, map[dbus.HeaderField]any{
			dbus.FieldPath: dbus.ObjectPath("/a"), dbus.FieldInterface: "a.b", dbus.FieldMember: "C",
		}, true, dbus.MakeVariant(dbus.ObjectPath("/b"))))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var text string
		m, err := decode(b)
		if err != nil {
			return
		}
		hasText := m.store([]any{&text}) == nil
		for _, result := range []any{
			nil, new(ObjectPath), new(bool), new(uint32), new(int32), new([]byte), new([]string),
			new([]ObjectPath), Struct{nil, nil}, Struct{new(string)},
		} {
			_ = m.store([]any{result, result})
		}
		want, err := dbus.DecodeMessage(bytes.NewReader(b))
		if err != nil {
			return
		}
		sender, _ := want.Headers[dbus.FieldSender].Value().(string)
		serial, _ := want.Headers[dbus.FieldReplySerial].Value().(uint32)
		if m.sender != sender || m.replySerial != serial || m.kind != byte(want.Type) {
			t.Errorf("%+v, want %v", m, want)
		}
		if len(want.Body) == 0 {
			return
		}
		if s, ok := want.Body[0].(string); ok && hasText && s != text {
			t.Errorf("%q, want %q", text, s)
		}
	})
}
