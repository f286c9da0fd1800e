package deliver_test

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"spillway/internal/backlog"
	"spillway/internal/deliver"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func offers() backlog.Subscription { return backlog.Subscription{Project: "shop", ID: "offers"} }

// handle sends one message to a server with the given handler and returns the verdict.
func handle(t *testing.T, ctx context.Context, m *backlog.Message, h http.Handler) deliver.Verdict {
	t.Helper()
	server := httptest.NewServer(h)
	defer server.Close()
	endpoint, err := url.Parse(server.URL + "/offers?source=pubsub")
	if err != nil {
		t.Fatal(err)
	}
	target := deliver.NewTarget(endpoint, offers(), 1)
	defer target.Close()
	return target.Handle(ctx, m)
}

func answer(status int, headers ...string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(status)
	})
}

func TestTheBodyIsPubSubsWrappedPushFormat(t *testing.T) {
	full := &backlog.Message{
		ID: "136969346945", Data: []byte("Hello <Pub/Sub> & all"), Attributes: backlog.Attributes{{Key: "key", Value: "välue"}},
		PublishTime: time.Date(2026, 11, 27, 8, 30, 0, 747e6, time.FixedZone("CET", 3600)), OrderingKey: "ean-1", DeliveryAttempt: 3,
	}
	bare := &backlog.Message{ID: "1", PublishTime: time.Date(2026, 11, 27, 8, 30, 0, 0, time.UTC)}
	tests := []struct {
		name string
		m    *backlog.Message
		want map[string]any
	}{
		{"everything set", full, map[string]any{
			"message": map[string]any{
				"attributes": map[string]any{"key": "välue"}, "data": "SGVsbG8gPFB1Yi9TdWI+ICYgYWxs",
				"messageId": "136969346945", "message_id": "136969346945",
				"publishTime": "2026-11-27T07:30:00.747Z", "publish_time": "2026-11-27T07:30:00.747Z", "orderingKey": "ean-1",
			},
			"subscription": "projects/shop/subscriptions/offers", "deliveryAttempt": float64(3),
		}},
		{"nothing optional", bare, map[string]any{
			"message": map[string]any{
				"messageId": "1", "message_id": "1", "publishTime": "2026-11-27T08:30:00Z", "publish_time": "2026-11-27T08:30:00Z",
			},
			"subscription": "projects/shop/subscriptions/offers",
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got map[string]any
			var method, contentType, target string
			v := handle(t, t.Context(), tt.m, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				method, contentType, target = r.Method, r.Header.Get("Content-Type"), r.URL.String()
				if err := json.NewDecoder(r.Body).Decode(&got); err != nil {
					t.Error(err)
				}
				w.WriteHeader(http.StatusNoContent)
			}))
			if v.Result != deliver.Ack {
				t.Fatalf("verdict %+v", v)
			}
			if method != http.MethodPost || contentType != "application/json" || target != "/offers?source=pubsub" {
				t.Errorf("%s %s with %s", method, target, contentType)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestVerdictsByAnswer(t *testing.T) {
	retryAt := time.Now().Add(90 * time.Second).UTC().Format(http.TimeFormat)
	tests := []struct {
		name    string
		status  int
		headers []string
		want    deliver.Verdict
	}{
		{name: "200", status: 200, want: deliver.Verdict{Result: deliver.Ack, Reason: deliver.OK, Detail: "200"}},
		{name: "201", status: 201, want: deliver.Verdict{Result: deliver.Ack, Reason: deliver.OK, Detail: "201"}},
		{name: "202", status: 202, want: deliver.Verdict{Result: deliver.Ack, Reason: deliver.OK, Detail: "202"}},
		{name: "204", status: 204, want: deliver.Verdict{Result: deliver.Ack, Reason: deliver.OK, Detail: "204"}},
		{name: "203 is not one of Pub/Sub's", status: 203, want: deliver.Verdict{Result: deliver.Nack, Reason: deliver.Error, Detail: "203"}},
		{name: "a redirect is not followed", status: 302, headers: []string{"Location", "/elsewhere"}, want: deliver.Verdict{Result: deliver.Nack, Reason: deliver.Error, Detail: "302"}},
		{name: "400 is never an ack", status: 400, want: deliver.Verdict{Result: deliver.Nack, Reason: deliver.Error, Detail: "400"}},
		{name: "404 is never an ack", status: 404, want: deliver.Verdict{Result: deliver.Nack, Reason: deliver.Error, Detail: "404"}},
		{name: "500", status: 500, want: deliver.Verdict{Result: deliver.Nack, Reason: deliver.Error, Detail: "500"}},
		{name: "429 alone", status: 429, want: deliver.Verdict{Result: deliver.Nack, Reason: deliver.Error, Detail: "429"}},
		{name: "429 with seconds", status: 429, headers: []string{"Retry-After", "7"}, want: deliver.Verdict{Result: deliver.DelayedNack, Reason: deliver.Error, Detail: "429", Delay: 7 * time.Second}},
		{name: "503 with a bounded delay", status: 503, headers: []string{"Retry-After", "86400"}, want: deliver.Verdict{Result: deliver.DelayedNack, Reason: deliver.Error, Detail: "503", Delay: 10 * time.Minute}},
		{name: "503 with no delay", status: 503, headers: []string{"Retry-After", "0"}, want: deliver.Verdict{Result: deliver.Nack, Reason: deliver.Error, Detail: "503"}},
		{name: "503 with a past date", status: 503, headers: []string{"Retry-After", "Fri, 27 Nov 2020 08:00:00 GMT"}, want: deliver.Verdict{Result: deliver.Nack, Reason: deliver.Error, Detail: "503"}},
		{name: "503 with nonsense", status: 503, headers: []string{"Retry-After", "soon"}, want: deliver.Verdict{Result: deliver.Nack, Reason: deliver.Error, Detail: "503"}},
		{name: "500 with Retry-After is not a promise", status: 500, headers: []string{"Retry-After", "7"}, want: deliver.Verdict{Result: deliver.Nack, Reason: deliver.Error, Detail: "500"}},
		{name: "503 with a date", status: 503, headers: []string{"Retry-After", retryAt}, want: deliver.Verdict{Result: deliver.DelayedNack, Reason: deliver.Error, Detail: "503", Delay: 90 * time.Second}},
		{name: "drop", status: 500, headers: []string{deliver.VerdictHeader, "drop; price is negative"}, want: deliver.Verdict{Result: deliver.Drop, Reason: deliver.Error, Detail: "price is negative"}},
		{name: "dead-letter", status: 422, headers: []string{deliver.VerdictHeader, "Dead-Letter"}, want: deliver.Verdict{Result: deliver.DeadLetter, Reason: deliver.Error}},
		{name: "a reason in UTF-8", status: 422, headers: []string{deliver.VerdictHeader, "drop; ungültig"}, want: deliver.Verdict{Result: deliver.Drop, Reason: deliver.Error, Detail: "ungültig"}},
		{name: "a reason in ISO 8859-1", status: 422, headers: []string{deliver.VerdictHeader, "drop; ung\xfcltig"}, want: deliver.Verdict{Result: deliver.Drop, Reason: deliver.Error, Detail: "ungültig"}},
		{name: "an unknown verdict ends nothing", status: 200, headers: []string{deliver.VerdictHeader, "dorp"}, want: deliver.Verdict{Result: deliver.Nack, Reason: deliver.Error, Detail: "unknown Spillway-Verdict"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := handle(t, t.Context(), &backlog.Message{ID: "1"}, answer(tt.status, tt.headers...))
			if d := tt.want.Delay - got.Delay; d > 0 && d < 3*time.Second {
				got.Delay = tt.want.Delay // A date has whole seconds, and the request took some time.
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// rawTarget answers each connection with reply, byte for byte, and closes it.
func rawTarget(t *testing.T, reply string) *deliver.Target {
	t.Helper()
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Read(make([]byte, 4096))
			_, _ = io.WriteString(conn, reply)
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() {
		_ = ln.Close()
		<-done
	})
	target := deliver.NewTarget(&url.URL{Scheme: "http", Host: ln.Addr().String()}, offers(), 1)
	t.Cleanup(target.Close)
	return target
}

func TestVerdictsByWhatHappensOnTheWire(t *testing.T) {
	tests := []struct {
		name, reply string
		want        deliver.Result
	}{
		{"102 and nothing more is Pub/Sub's ack", "HTTP/1.1 102 Processing\r\n\r\n", deliver.Ack},
		{"102, then a failure", "HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n", deliver.Nack},
		{"103 and nothing more", "HTTP/1.1 103 Early Hints\r\n\r\n", deliver.Nack},
		{"closed without an answer", "", deliver.Nack},
		{"not HTTP", "SSH-2.0-x\r\n", deliver.Nack},
		{"an answer whose body breaks off is still an answer", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nab", deliver.Ack},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := rawTarget(t, tt.reply).Handle(t.Context(), &backlog.Message{ID: "1"}); got.Result != tt.want {
				t.Fatalf("got %+v, want %s", got, tt.want)
			}
		})
	}
}

func TestNoAnswerInTimeIsATimeoutAndARefusalIsAnError(t *testing.T) {
	stop := make(chan struct{})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	v := handle(t, ctx, &backlog.Message{ID: "1"}, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		go func() { <-ctx.Done(); time.Sleep(10 * time.Millisecond); close(stop) }()
		<-stop
	}))
	if v.Result != deliver.Nack || v.Reason != deliver.Timeout {
		t.Errorf("no answer gave %+v", v)
	}
	target := deliver.NewTarget(&url.URL{Scheme: "http", Host: "127.0.0.1:9", RawQuery: "token=secret"}, offers(), 1)
	v = target.Handle(t.Context(), &backlog.Message{ID: "1"})
	if v.Result != deliver.Nack || v.Reason != deliver.Error || strings.Contains(v.Detail, "secret") {
		t.Errorf("a refused connection gave %+v", v)
	}
}

func TestConnectionsAreUsedAgain(t *testing.T) {
	connections := map[string]bool{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		connections[r.RemoteAddr] = true
		_, _ = w.Write(make([]byte, 10<<10))
	}))
	defer server.Close()
	endpoint, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	target := deliver.NewTarget(endpoint, offers(), 1)
	defer target.Close()
	for range 20 {
		target.Handle(t.Context(), &backlog.Message{ID: "1"})
	}
	if len(connections) != 1 {
		t.Fatalf("20 messages took %d connections", len(connections))
	}
}
