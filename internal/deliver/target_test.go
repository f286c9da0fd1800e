package deliver_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"spillway/internal/backlog"
	"spillway/internal/deliver"
)

func offers() backlog.Subscription { return backlog.Subscription{Project: "shop", ID: "offers"} }

func parse(t testing.TB, text string) *url.URL {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// targetAt returns a target that posts to a URL.
func targetAt(t testing.TB, endpoint string, change ...func(*deliver.TargetOptions)) *deliver.Target {
	t.Helper()
	o := deliver.TargetOptions{URL: parse(t, endpoint), Subscription: offers(), Concurrency: 1}
	for _, c := range change {
		c(&o)
	}
	target := deliver.NewTarget(o)
	t.Cleanup(target.Close)
	return target
}

// handle sends one message to a server with the given handler and returns the verdict.
func handle(t *testing.T, ctx context.Context, m *backlog.Message, h http.Handler, change ...func(*deliver.TargetOptions)) deliver.Verdict {
	t.Helper()
	server := httptest.NewServer(h)
	defer server.Close()
	target := targetAt(t, server.URL+"/offers?source=pubsub", change...)
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

func ack(detail string) deliver.Verdict {
	return deliver.Verdict{Result: deliver.Ack, Reason: deliver.OK, Detail: detail}
}

func nack(reason deliver.Reason, detail string) deliver.Verdict {
	return deliver.Verdict{Result: deliver.Nack, Reason: reason, Detail: detail}
}

func later(reason deliver.Reason, detail string, delay time.Duration) deliver.Verdict {
	return deliver.Verdict{Result: deliver.DelayedNack, Reason: reason, Detail: detail, Delay: delay}
}

func ended(result deliver.Result, why string) deliver.Verdict {
	return deliver.Verdict{Result: result, Reason: deliver.Asked, Detail: why}
}

func TestVerdictsByAnswer(t *testing.T) {
	retryAt := time.Now().Add(90 * time.Second).UTC().Format(http.TimeFormat)
	h := func(pairs ...string) []string { return pairs }
	says := func(verdict string) []string { return h(deliver.VerdictHeader, verdict) }
	retry := func(after string) []string { return h("Retry-After", after) }
	tests := []struct {
		name    string
		status  int
		headers []string
		want    deliver.Verdict
	}{
		{"200", 200, nil, ack("200")},
		{"201", 201, nil, ack("201")},
		{"202", 202, nil, ack("202")},
		{"204", 204, nil, ack("204")},
		{"203 is not one of Pub/Sub's", 203, nil, nack(deliver.Status2xx, "203")},
		{"205 neither", 205, nil, nack(deliver.Status2xx, "205")},
		{"206 neither", 206, nil, nack(deliver.Status2xx, "206")},
		{"301 is not followed", 301, h("Location", "/elsewhere"), nack(deliver.Status3xx, "301")},
		{"302 is not followed", 302, h("Location", "/elsewhere"), nack(deliver.Status3xx, "302")},
		{"304 is not an ack", 304, nil, nack(deliver.Status3xx, "304")},
		{"307 is not followed", 307, h("Location", "/elsewhere"), nack(deliver.Status3xx, "307")},
		{"308 is not followed", 308, h("Location", "http://127.0.0.1:9/"), nack(deliver.Status3xx, "308")},
		{"400 is never an ack", 400, nil, nack(deliver.Status4xx, "400")},
		{"404 is never an ack", 404, nil, nack(deliver.Status4xx, "404")},
		{"410 is never an ack", 410, nil, nack(deliver.Status4xx, "410")},
		{"429 alone", 429, nil, nack(deliver.Status4xx, "429")},
		{"500", 500, nil, nack(deliver.Status5xx, "500")},
		{"501", 501, nil, nack(deliver.Status5xx, "501")},
		{"502", 502, nil, nack(deliver.Unavailable, "502")},
		{"503", 503, nil, nack(deliver.Unavailable, "503")},
		{"504", 504, nil, nack(deliver.Unavailable, "504")},
		{"599", 599, nil, nack(deliver.Status5xx, "599")},
		{"700 is none of HTTP's", 700, nil, nack(deliver.StatusOther, "700")},
		{"429 with seconds", 429, retry("7"), later(deliver.Status4xx, "429", 7*time.Second)},
		{"503 with a bounded delay", 503, retry("86400"), later(deliver.Unavailable, "503", 10*time.Minute)},
		{"503 with more seconds than a number holds", 503, retry("99999999999999999999"), later(deliver.Unavailable, "503", 10*time.Minute)},
		{"503 with no delay", 503, retry("0"), nack(deliver.Unavailable, "503")},
		{"503 with a negative delay", 503, retry("-5"), nack(deliver.Unavailable, "503")},
		{"503 with a fraction", 503, retry("1.5"), nack(deliver.Unavailable, "503")},
		{"503 with a date", 503, retry(retryAt), later(deliver.Unavailable, "503", 90*time.Second)},
		{"503 with a past date", 503, retry("Fri, 27 Nov 2020 08:00:00 GMT"), nack(deliver.Unavailable, "503")},
		{"503 with a date of long ago's form", 503, retry("Friday, 27-Nov-99 08:00:00 GMT"), nack(deliver.Unavailable, "503")},
		{"503 with nonsense", 503, retry("soon"), nack(deliver.Unavailable, "503")},
		{"500 with Retry-After is not a promise", 500, retry("7"), nack(deliver.Status5xx, "500")},
		{"200 with Retry-After is an ack", 200, retry("7"), ack("200")},
		{"drop, whatever the status", 500, says("drop; price is negative"), ended(deliver.Drop, "price is negative")},
		{"dead-letter in any case", 422, says("Dead-Letter"), ended(deliver.DeadLetter, "")},
		{"dead-letter with semicolons in its reason", 422, says(" dead-letter ;a; b "), ended(deliver.DeadLetter, "a; b")},
		{"dead-letter goes before Retry-After", 503, h(deliver.VerdictHeader, "dead-letter", "Retry-After", "7"), ended(deliver.DeadLetter, "")},
		{"a reason in UTF-8", 422, says("drop; ungültig"), ended(deliver.Drop, "ungültig")},
		{"a reason in ISO 8859-1", 422, says("drop; ung\xfcltig"), ended(deliver.Drop, "ungültig")},
		{"a long reason", 422, says("drop; " + strings.Repeat("ü", 1000)), ended(deliver.Drop, strings.Repeat("ü", 512))},
		{"an unknown verdict ends nothing", 200, says("dorp"), nack(deliver.Asked, `unknown Spillway-Verdict "dorp": allowed are drop and dead-letter`)},
		{"an ack is not to be asked for", 500, says("ack"), nack(deliver.Asked, `unknown Spillway-Verdict "ack": allowed are drop and dead-letter`)},
		{"an unknown verdict without its reason", 200, says("park; no price"), nack(deliver.Asked, `unknown Spillway-Verdict "park": allowed are drop and dead-letter`)},
		{"an unknown verdict that cannot be printed", 200, says("ung\xfcltig\té"), nack(deliver.Asked, `unknown Spillway-Verdict "ung\xfcltig\t\u00e9": allowed are drop and dead-letter`)},
		{"an unknown verdict that is long", 200, says(strings.Repeat("x", 5000)), nack(deliver.Asked, `unknown Spillway-Verdict "`+strings.Repeat("x", 64)+`": allowed are drop and dead-letter`)},
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

func TestNoAnswerInTimeIsATimeout(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	v := handle(t, ctx, &backlog.Message{ID: "1"}, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done() // Its client has hung up: an answer at the limit itself might still be in time.
	}))
	if diff := cmp.Diff(nack(deliver.Timeout, "no answer in time"), v); diff != "" {
		t.Error(diff)
	}
}

func TestAMessageThatIsCancelledIsAFailureOfTheConnection(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	stop := make(chan struct{})
	v := handle(t, ctx, &backlog.Message{ID: "1"}, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		context.AfterFunc(ctx, func() { close(stop) })
		cancel()
		<-stop
	}))
	if diff := cmp.Diff(nack(deliver.Connection, "context canceled"), v); diff != "" {
		t.Error(diff)
	}
}

func TestConnectionsAreUsedAgain(t *testing.T) {
	connections := map[string]bool{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		connections[r.RemoteAddr] = true
		_, _ = w.Write(make([]byte, 10<<10))
	}))
	defer server.Close()
	target := targetAt(t, server.URL)
	for range 20 {
		target.Handle(t.Context(), &backlog.Message{ID: "1"})
	}
	if len(connections) != 1 {
		t.Fatalf("20 messages took %d connections", len(connections))
	}
}
