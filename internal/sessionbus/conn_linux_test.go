package sessionbus

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
)

// A testBus is the bus's end of a connection.
type testBus struct {
	net.Conn
	in *bufio.Reader
}

// open returns a connection to a bus, and the bus's end of it.
func open(t *testing.T, ctx context.Context) (*Conn, testBus) {
	t.Helper()
	l := listen(t)
	accepted := make(chan net.Conn, 1)
	go func() {
		conn, err := l.Accept()
		if err == nil {
			_, err = io.WriteString(conn, "DATA\r\nOK 1234\r\n")
		}
		if err != nil {
			t.Error(err)
		}
		accepted <- conn
	}()
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second) // a call that hangs fails
	t.Cleanup(cancel)
	c, err := Open(ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	bus := <-accepted
	t.Cleanup(func() { _ = bus.Close() })
	return c, testBus{bus, bufio.NewReader(bus)}
}

// readCalls reads the end of the authentication and n calls.
func readCalls(t *testing.T, bus testBus, n int) (calls []*dbus.Message) {
	t.Helper()
	if _, err := bus.in.Discard(len(request)); err != nil {
		t.Error(err)
	}
	if line, err := bus.in.ReadString('\n'); line != "BEGIN\r\n" || err != nil {
		t.Errorf("%q, %v", line, err)
	}
	for range n {
		m, err := dbus.DecodeMessage(bus.in)
		if err != nil {
			t.Error(err)
			return nil
		}
		calls = append(calls, m)
	}
	return calls
}

func send(t *testing.T, bus testBus, messages ...[]byte) {
	t.Helper()
	for _, m := range messages {
		if _, err := bus.Write(m); err != nil {
			t.Error(err)
		}
	}
}

// Other messages come between the replies, and these in another order than the calls.
func TestEachCallGetsItsReply(t *testing.T) {
	c, bus := open(t, t.Context())
	c.keeps = true // as after Subscribe
	first := c.Call("org.example", "/a", "org.example.If.First", "x")
	second := c.CallBus("Second")
	go func() {
		readCalls(t, bus, 2)
		ping := encoded(t, binary.LittleEndian, dbus.TypeMethodCall, map[dbus.HeaderField]any{
			dbus.FieldPath: dbus.ObjectPath("/"), dbus.FieldInterface: "org.freedesktop.DBus.Peer",
			dbus.FieldMember: "Ping",
		})
		signal := encoded(t, binary.LittleEndian, dbus.TypeSignal, map[dbus.HeaderField]any{
			dbus.FieldPath: dbus.ObjectPath("/p"), dbus.FieldInterface: "a.b", dbus.FieldMember: "C",
			dbus.FieldSender: ":1.5",
		}, true, dbus.MakeVariant("result"))
		unknown := encodedReply(t, binary.LittleEndian, 99, "unknown")
		second := encodedReply(t, binary.LittleEndian, 2, "two")
		for _, b := range slices.Concat(ping, signal, unknown, second) {
			send(t, bus, []byte{b})
		}
		send(t, bus, encodedReply(t, binary.BigEndian, 1, strings.Repeat("one", 5000)))
	}()
	var text string
	if sender, err := first.Wait(&text); text != strings.Repeat("one", 5000) || sender != ":1.5" ||
		err != nil {
		t.Errorf("%q, %q, %v", text, sender, err)
	}
	if _, err := second.Wait(&text); text != "two" || err != nil {
		t.Errorf("%q, %v", text, err)
	}
	if len(c.replies) > 0 {
		t.Errorf("%d replies are kept", len(c.replies))
	}
	s, err := c.Signal()
	if err != nil || s.Name != "a.b.C" || s.Path != "/p" || s.Sender != ":1.5" {
		t.Errorf("%+v, %v", s, err)
	}
	var isTrue bool
	if err := s.Store(&isTrue, &text); err != nil || !isTrue || text != "result" {
		t.Errorf("%t, %q, %v", isTrue, text, err)
	}
}

func TestErrorReply(t *testing.T) {
	for name, test := range map[string]struct {
		body []any
		want string
	}{
		"text": {[]any{"why", uint32(1)}, "why"}, "none": {nil, ""}, "number": {[]any{uint32(1)}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			c, bus := open(t, t.Context())
			call := c.CallBus("Hello")
			go func() {
				readCalls(t, bus, 1)
				send(t, bus, encoded(t, binary.LittleEndian, dbus.TypeError, map[dbus.HeaderField]any{
					dbus.FieldErrorName: "org.example.Error", dbus.FieldReplySerial: uint32(1),
				}, test.body...))
			}()
			_, err := call.Wait()
			if want := (Error{"org.example.Error", test.want}); !errors.Is(err, want) {
				t.Errorf("got %v, want %v", err, want)
			}
		})
	}
}

func TestLostConnectionEndsEveryCall(t *testing.T) {
	for name, answer := range map[string]string{
		"closed": "", "in a message": "l\x02\x01\x01", "too large": "l\x02\x01\x01\xff\xff\xff\x00" +
			strings.Repeat("\xff", 100), "not a message": strings.Repeat("x", 100),
	} {
		t.Run(name, func(t *testing.T) {
			c, bus := open(t, t.Context())
			first, second := c.CallBus("First"), c.CallBus("Second")
			go func() {
				readCalls(t, bus, 2)
				send(t, bus, []byte(answer))
				_ = bus.Close()
			}()
			for _, call := range []Call{first, second} {
				if _, err := call.Wait(); err == nil || errors.As(err, new(Error)) {
					t.Errorf("got %v", err)
				}
			}
		})
	}
}

func TestConnectionEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	c, bus := open(t, ctx)
	call := c.CallBus("Hello")
	go func() { readCalls(t, bus, 1); cancel() }()
	if _, err := call.Wait(); err == nil {
		t.Error("no error")
	}
	if _, err := c.Signal(); err == nil {
		t.Error("no error")
	}
}

func TestOnlySomeSignalsAreKept(t *testing.T) {
	for isSubscribed, want := range map[bool]int{true: maxSignals, false: 0} {
		c, bus := open(t, t.Context())
		subscribe := func(rule string) Call { return c.CallBus("AddMatch", rule) }
		if isSubscribed {
			subscribe = c.Subscribe
		}
		call := subscribe("type='signal'")
		go func() {
			readCalls(t, bus, 1)
			signal := encoded(t, binary.LittleEndian, dbus.TypeSignal, map[dbus.HeaderField]any{
				dbus.FieldPath: dbus.ObjectPath("/p"), dbus.FieldInterface: "a.b", dbus.FieldMember: "C",
			})
			for range 2 * maxSignals {
				send(t, bus, signal)
			}
			send(t, bus, encodedReply(t, binary.LittleEndian, 1))
		}()
		if _, err := call.Wait(); err != nil || len(c.signals) != want {
			t.Errorf("%d signals, %v, want %d", len(c.signals), err, want)
		}
	}
}

// Of the replies to a call, the first is kept until it is waited for, and of others none.
func TestOnlyOneReplyIsKept(t *testing.T) {
	c, bus := open(t, t.Context())
	first, second := c.CallBus("First"), c.CallBus("Second")
	go func() {
		readCalls(t, bus, 2)
		for _, serial := range []uint32{1, 1, 2, 1, 2, 0, 3} {
			send(t, bus, encodedReply(t, binary.LittleEndian, serial, "x"))
		}
		_ = bus.Close()
	}()
	for _, call := range []Call{first, second} {
		if _, err := call.Wait(); err != nil {
			t.Error(err)
		}
	}
	if _, err := c.Signal(); !errors.Is(err, errClosed) || len(c.replies) > 0 {
		t.Errorf("%d replies, %v", len(c.replies), err)
	}
}

// The bus closes a connection that sends such a text.
func TestTextThatIsNotUTF8IsNotSent(t *testing.T) {
	c, bus := open(t, t.Context())
	for _, arg := range []any{
		"\xff", "a\x00", []ObjectPath{"/\xff"}, map[string]string{"\xff": ""}, Variant{"\xff"},
	} {
		if _, err := c.CallBus("Bad", arg).Wait(); !errors.Is(err, errNotUTF8) {
			t.Errorf("%q: %v", arg, err)
		}
	}
	call := c.CallBus("Good", "naïve")
	go func() {
		readCalls(t, bus, 1)
		send(t, bus, encodedReply(t, binary.LittleEndian, 1))
	}()
	if _, err := call.Wait(); err != nil {
		t.Error(err)
	}
}
