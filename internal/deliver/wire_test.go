package deliver_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"spillway/internal/backlog"
	"spillway/internal/deliver"
)

// rawTarget is a target with what it posts to.
type rawTarget struct {
	*deliver.Target
	listener    net.Listener
	connections atomic.Int32
}

// newRawTarget hands each connection to serve, with a request that has been read, and closes it.
func newRawTarget(t *testing.T, serve func(net.Conn, *bufio.Reader)) *rawTarget {
	t.Helper()
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	raw := &rawTarget{listener: ln}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			raw.connections.Add(1)
			r := bufio.NewReader(conn)
			if readRequest(r) == nil {
				serve(conn, r)
			}
			_ = conn.Close()
		}
	}()
	raw.Target = targetAt(t, "http://"+ln.Addr().String())
	t.Cleanup(func() {
		raw.Close()
		_ = ln.Close()
		<-done
	})
	return raw
}

func readRequest(r *bufio.Reader) error {
	request, err := http.ReadRequest(r)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, request.Body)
	return err
}

// replies writes what is given, byte for byte.
func replies(text string) func(net.Conn, *bufio.Reader) {
	return func(conn net.Conn, _ *bufio.Reader) { _, _ = io.WriteString(conn, text) }
}

// resets writes what is given and then breaks the connection with a reset.
func resets(text string) func(net.Conn, *bufio.Reader) {
	return func(conn net.Conn, _ *bufio.Reader) {
		_, _ = io.WriteString(conn, text)
		time.Sleep(20 * time.Millisecond) // What was written is to arrive before the reset, which discards what did not.
		_ = conn.(*net.TCPConn).SetLinger(0)
	}
}

func TestVerdictsByWhatHappensOnTheWire(t *testing.T) {
	broken := deliver.Verdict{Result: deliver.Nack, Reason: deliver.Connection}
	const ok = "HTTP/1.1 200 OK\r\n"
	tests := []struct {
		name  string
		serve func(net.Conn, *bufio.Reader)
		want  deliver.Verdict // without its detail, unless that is named
	}{
		{"102 and nothing more is Pub/Sub's ack", replies("HTTP/1.1 102 Processing\r\n\r\n"), ack("102")},
		{"102, then a success", replies("HTTP/1.1 102 Processing\r\n\r\n" + ok + "Content-Length: 0\r\n\r\n"), ack("200")},
		{"102, then a failure", replies("HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n"), nack(deliver.Status5xx, "500")},
		{"102, then a reset", resets("HTTP/1.1 102 Processing\r\n\r\n"), broken},
		{"102, then no HTTP", replies("HTTP/1.1 102 Processing\r\n\r\nnonsense\r\n\r\n"), broken},
		{"100 and nothing more", replies("HTTP/1.1 100 Continue\r\n\r\n"), broken},
		{"100, then a success", replies("HTTP/1.1 100 Continue\r\n\r\n" + ok + "Content-Length: 0\r\n\r\n"), ack("200")},
		{"103 and nothing more", replies("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"), broken},
		{"103, then a success", replies("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n"), ack("204")},
		{"1xx without end", replies(strings.Repeat("HTTP/1.1 103 Early Hints\r\nX: "+strings.Repeat("x", 1000)+"\r\n\r\n", 100)), broken},
		{"101 changes to a protocol that nobody asked for", replies("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nx"), nack(deliver.Status1xx, "101")},
		{"closed without an answer", replies(""), broken},
		{"reset without an answer", resets(""), broken},
		{"reset in the middle of the status line", resets("HTTP/1.1 2"), broken},
		{"reset in the middle of the header", resets(ok + "Content-Le"), broken},
		{"not HTTP", replies("SSH-2.0-x\r\n"), broken},
		{"a status that is no number", replies("HTTP/1.1 abc OK\r\n\r\n"), broken},
		{"a header that is too large", replies(ok + "X: " + strings.Repeat("x", 100<<10) + "\r\n\r\n"), broken},
		{"a large header", replies(ok + "Content-Length: 0\r\nX: " + strings.Repeat("x", 30<<10) + "\r\n\r\n"), ack("200")},
		{"a content length that is no number", replies(ok + "Content-Length: x\r\n\r\n"), broken},
		{"two content lengths", replies(ok + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab"), broken},
		{"a body shorter than it says is still an answer", replies(ok + "Content-Length: 10\r\n\r\nab"), ack("200")},
		{"a body longer than it says", replies(ok + "Content-Length: 2\r\n\r\nabcdef"), ack("200")},
		{"a failure whose body is shorter than it says", replies("HTTP/1.1 500 Oops\r\nContent-Length: 10\r\n\r\nab"), nack(deliver.Status5xx, "500")},
		{"reset in the middle of the body", resets(ok + "Content-Length: 10\r\n\r\nab"), ack("200")},
		{"a chunk that breaks off", replies(ok + "Transfer-Encoding: chunked\r\n\r\n5\r\nab"), ack("200")},
		{"a body until the end", replies(ok + "\r\nhello"), ack("200")},
		{"HTTP/1.0", replies("HTTP/1.0 200 OK\r\n\r\n"), ack("200")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			target := newRawTarget(t, tt.serve)
			got := target.Handle(t.Context(), &backlog.Message{ID: "1"})
			if tt.want.Detail == "" {
				got.Detail = ""
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestTheStatusDecidesHoweverLongTheBodyTakes(t *testing.T) {
	tests := []struct{ name, header, piece string }{
		{"a body that drips", "Content-Length: 1000000\r\n\r\n", "x"},
		{"a body without end", "\r\n", strings.Repeat("x", 32<<10)},
		{"a body that never begins", "Content-Length: 5\r\n\r\n", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			target := newRawTarget(t, func(conn net.Conn, r *bufio.Reader) {
				_, err := io.WriteString(conn, "HTTP/1.1 200 OK\r\n"+tt.header)
				for err == nil && tt.piece != "" {
					time.Sleep(time.Millisecond)
					_, err = io.WriteString(conn, tt.piece)
				}
				_, _ = r.ReadByte() // Until the client has gone.
			})
			begin := time.Now()
			if diff := cmp.Diff(ack("200"), target.Handle(t.Context(), &backlog.Message{ID: "1"})); diff != "" {
				t.Error(diff)
			}
			if took := time.Since(begin); took > 10*time.Second {
				t.Errorf("it took %s", took)
			}
		})
	}
}

func TestTheTimeRunsOutWhileTheAnswerIsUnderWay(t *testing.T) {
	tests := []struct {
		name, begun string
		want        deliver.Verdict
	}{
		{"in the status line", "HTTP/1.1 20", nack(deliver.Timeout, "no answer in time")},
		{"in the header", "HTTP/1.1 200 OK\r\nContent-", nack(deliver.Timeout, "no answer in time")},
		{"after 102", "HTTP/1.1 102 Processing\r\n\r\n", nack(deliver.Timeout, "no answer in time")},
		{"in the body", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nab", ack("200")},
		{"in the body of a failure", "HTTP/1.1 500 Oops\r\nContent-Length: 10\r\n\r\nab", nack(deliver.Status5xx, "500")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			target := newRawTarget(t, func(conn net.Conn, r *bufio.Reader) {
				_, _ = io.WriteString(conn, tt.begun)
				_, _ = r.ReadByte()
			})
			ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
			defer cancel()
			if diff := cmp.Diff(tt.want, target.Handle(ctx, &backlog.Message{ID: "1"})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAMessageThatNobodyHasSeenIsUnsent(t *testing.T) {
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := ln.Addr().String()
	if err := ln.Close(); err != nil {
		t.Fatal(err)
	}
	for _, address := range []string{"http://" + closed + "?token=secret", "https://" + closed, "http://host.invalid/?token=secret"} {
		for _, format := range []deliver.Format{deliver.Wrapped, deliver.Unwrapped, deliver.CloudEvents} {
			target := targetAt(t, address, func(o *deliver.TargetOptions) { o.Format = format })
			v := target.Handle(t.Context(), &backlog.Message{ID: "1", Data: []byte("x")})
			if v.Result != deliver.Nack || v.Reason != deliver.Unreachable || !v.Unsent || v.Detail == "" || strings.Contains(v.Detail, "secret") {
				t.Errorf("%s, %s: %+v", address, format, v)
			}
		}
	}
}

// dozing answers the first request of each connection with 200, and closes the connection at the second, as a server does
// whose keep-alive ends just then.
func dozing(conn net.Conn, r *bufio.Reader) {
	_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
	_, _ = r.ReadByte()
}

func TestAConnectionThatEndsAsItIsUsedAgainCostsNoAttempt(t *testing.T) {
	target := newRawTarget(t, dozing)
	for i := range 5 {
		m := &backlog.Message{ID: "1", Data: make([]byte, i*100)}
		if v := target.Handle(t.Context(), m); v.Result != deliver.Ack {
			t.Fatalf("got %+v", v)
		}
	}
	if n := target.connections.Load(); n != 5 {
		t.Errorf("%d connections, want 5", n)
	}
}

func TestATargetThatGoesAwayWithAMessageMayHaveSeenIt(t *testing.T) {
	gone := make(chan struct{})
	target := newRawTarget(t, func(conn net.Conn, r *bufio.Reader) {
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		<-gone // The listener.
		_ = readRequest(r)
	})
	m := &backlog.Message{ID: "1", Data: []byte("x")}
	if v := target.Handle(t.Context(), m); v.Result != deliver.Ack {
		t.Fatalf("got %+v", v)
	}
	// The second message goes out on the kept connection, breaks there, and finds no other.
	if err := target.listener.Close(); err != nil {
		t.Fatal(err)
	}
	close(gone)
	v := target.Handle(t.Context(), m)
	if v.Result != deliver.Nack || v.Reason != deliver.Unreachable || v.Unsent {
		t.Errorf("got %+v", v)
	}
}

func TestATargetThatNeverShakesHandsLeavesNothingBehind(t *testing.T) {
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	target := targetAt(t, "https://"+ln.Addr().String())
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	verdict := make(chan deliver.Verdict, 1)
	go func() { verdict <- target.Handle(ctx, &backlog.Message{ID: "1"}) }()
	conn, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, conn); err != nil {
		t.Errorf("the connection was not closed: %v", err)
	}
	want := deliver.Verdict{Result: deliver.Nack, Reason: deliver.Unreachable, Detail: "no connection in time", Unsent: true}
	if diff := cmp.Diff(want, <-verdict); diff != "" {
		t.Error(diff)
	}
}

func TestTenMegabytesArrive(t *testing.T) {
	data := make([]byte, 10_000_000)
	for i := range data {
		data[i] = byte(i * 7)
	}
	for _, format := range []deliver.Format{deliver.Wrapped, deliver.Unwrapped, deliver.CloudEvents} {
		t.Run(string(format), func(t *testing.T) {
			var got []byte
			var length int64
			v := handle(t, t.Context(), &backlog.Message{ID: "1", Data: data}, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				length = r.ContentLength
				got, _ = io.ReadAll(r.Body)
			}), func(o *deliver.TargetOptions) { o.Format = format })
			if v.Result != deliver.Ack || length != int64(len(got)) {
				t.Fatalf("%+v, %d bytes of %d", v, len(got), length)
			}
			if format != deliver.Unwrapped {
				got = dataOf(t, got)
			}
			if string(got) != string(data) {
				t.Errorf("%d bytes differ from what was sent", len(got))
			}
		})
	}
}

func TestATargetThatReadsNothingAndAnswersIsBelieved(t *testing.T) {
	v := handle(t, t.Context(), &backlog.Message{ID: "1", Data: make([]byte, 10_000_000)}, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Connection", "close")
		w.WriteHeader(http.StatusRequestEntityTooLarge)
	}))
	// Where the target closes before the rest is written, the answer may be lost with the connection: never an ack.
	if v.Result != deliver.Nack || v.Reason != deliver.Status4xx && v.Reason != deliver.Connection {
		t.Errorf("got %+v", v)
	}
}

func ExampleTarget() {
	fmt.Println(deliver.EventSource(backlog.Subscription{Project: "shop", ID: "offers"}))
	// Output: //pubsub.googleapis.com/projects/shop/subscriptions/offers
}
