package push_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"spillway/internal/backlog"
	"spillway/internal/push"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var offers = backlog.Subscription{Project: "shop", ID: "offers"}

// flowFunc is a Flow made of a function.
type flowFunc func(ctx context.Context, m *backlog.Message) push.Outcome

func (f flowFunc) Submit(ctx context.Context, m *backlog.Message) push.Outcome { return f(ctx, m) }

// always gives every message the same fate.
func always(o push.Outcome) flowFunc {
	return func(context.Context, *backlog.Message) push.Outcome { return o }
}

// tokenFunc is Tokens made of a function.
type tokenFunc func(token string) error

func (f tokenFunc) Verify(_ context.Context, token string) error { return f(token) }

// serve runs a server with the endpoint as the flow "offers" and returns its URL.
func serve(t *testing.T, e push.Endpoint, maxBytes int64, log *zap.Logger) string {
	t.Helper()
	e.Subscription = offers
	mux := http.NewServeMux()
	mux.Handle("POST /push/{flow}", push.NewHandler(map[string]push.Endpoint{"offers": e}, maxBytes, time.Now, log))
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL
}

const delivery = `{"message":{"data":"c2VjcmV0","messageId":"7"},"subscription":"projects/shop/subscriptions/offers"}`

type reply struct {
	status int
	header http.Header
	body   string
}

func post(t *testing.T, url, body string, headers ...string) reply {
	t.Helper()
	return postBody(t, url, strings.NewReader(body), headers...)
}

func postBody(t *testing.T, url string, body io.Reader, headers ...string) reply {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, body)
	if err != nil {
		t.Fatal(err)
	}
	req.Close = true
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Error(err)
		return reply{}
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	return reply{resp.StatusCode, resp.Header, string(text)}
}

func TestEveryFateHasItsAnswer(t *testing.T) {
	tests := []struct {
		name       string
		outcome    push.Outcome
		status     int
		retryAfter string
	}{
		{"done", push.Outcome{Fate: push.Done}, 204, ""},
		{"failed", push.Outcome{Fate: push.Failed}, 500, ""},
		{"late", push.Outcome{Fate: push.Late}, 504, ""},
		{"delayed", push.Outcome{Fate: push.Delayed, Delay: 6500 * time.Millisecond}, 503, "7"},
		{"busy", push.Outcome{Fate: push.Busy}, 429, "1"},
		{"stopping", push.Outcome{Fate: push.Stopping}, 503, "1"},
		{"no fate at all", push.Outcome{}, 500, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			url := serve(t, push.Endpoint{Flow: always(tt.outcome)}, 1<<20, zap.NewNop())
			got := post(t, url+"/push/offers", delivery)
			if got.status != tt.status || got.header.Get("Retry-After") != tt.retryAfter {
				t.Errorf("got %+v, want %d and a delay of %q", got, tt.status, tt.retryAfter)
			}
			if strings.Count(got.body, "\n") > 1 {
				t.Errorf("more than a line: %q", got.body)
			}
		})
	}
}

func TestWhatIsRefusedIsRefusedInOneLineWithoutPayload(t *testing.T) {
	core, logged := observer.New(zapcore.DebugLevel)
	url := serve(t, push.Endpoint{Flow: flowFunc(func(context.Context, *backlog.Message) push.Outcome {
		t.Error("it reached the flow")
		return push.Outcome{Fate: push.Done}
	})}, 1<<20, zap.New(core))
	tests := []struct {
		name, path string
		body       io.Reader
		status     int
		want       string
	}{
		{"an unknown flow", "/push/orders", strings.NewReader(delivery), 404, "no flow of this name takes push deliveries\n"},
		{"no delivery", "/push/offers", strings.NewReader(`{"secret":1}`), 400, "the body is not a push delivery in JSON; a subscription without wrapper must write metadata\n"},
		{"another subscription", "/push/offers", strings.NewReader(strings.Replace(delivery, "offers", "secret", 1)), 400, "the delivery is of another subscription than the flow's\n"},
		{"no subscription's name", "/push/offers", strings.NewReader(strings.Replace(delivery, "projects/", "secret/", 1)), 400, "the delivery is of another subscription than the flow's\n"},
		{"too much, announced", "/push/offers", bytes.NewReader(make([]byte, push.MaxBody+1)), 413, "the body is larger than Pub/Sub's largest message\n"},
		{"too much, chunked", "/push/offers", io.MultiReader(bytes.NewReader(make([]byte, push.MaxBody+1))), 413, "the body is larger than Pub/Sub's largest message\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			// The body follows when the server wants it.
			if got := postBody(t, url+tt.path, tt.body, "Expect", "100-continue"); got.status != tt.status || got.body != tt.want {
				t.Errorf("got %d %q, want %d %q", got.status, got.body, tt.status, tt.want)
			}
		})
	}
	expectNothingSecret(t, logged)
}

// expectNothingSecret looks for the word in everything that was logged.
func expectNothingSecret(t *testing.T, logged *observer.ObservedLogs) {
	t.Helper()
	for _, entry := range logged.All() {
		if text := fmt.Sprintf("%s %v", entry.Message, entry.ContextMap()); strings.Contains(text, "secret") {
			t.Errorf("logged %s", text)
		}
	}
}

func TestTheSubscriptionsProjectMayBeANumberOrMissing(t *testing.T) {
	url := serve(t, push.Endpoint{Flow: always(push.Outcome{Fate: push.Done})}, 1<<20, zap.NewNop())
	for _, body := range []string{
		strings.Replace(delivery, "projects/shop", "projects/1234567890", 1),
		`{"message":{"data":"c2VjcmV0","messageId":"7"}}`,
	} {
		if got := post(t, url+"/push/offers", body); got.status != http.StatusNoContent {
			t.Errorf("%s: %+v", body, got)
		}
	}
}

func TestTokensDecideWhoIsLetIn(t *testing.T) {
	const token = "header.secret.signature"
	handled := 0
	core, logged := observer.New(zapcore.DebugLevel)
	url := serve(t, push.Endpoint{
		Flow: flowFunc(func(context.Context, *backlog.Message) push.Outcome {
			handled++
			return push.Outcome{Fate: push.Done}
		}),
		Tokens: tokenFunc(func(got string) error {
			switch got {
			case token:
				return nil
			case "later":
				return fmt.Errorf("%w: no keys", push.ErrUndecided)
			}
			return errors.New("the token is refused: it has expired")
		}),
	}, 1<<20, zap.New(core))
	tests := []struct {
		name, authorization string
		status              int
		want                string
	}{
		{"a good token", "Bearer " + token, 204, ""},
		{"a scheme in lower case", "bearer " + token, 204, ""},
		{"a bad token", "Bearer secret2", 401, "the token is refused: it has expired\n"},
		{"no token", "", 401, "there is no bearer token\n"},
		{"a scheme alone", "Bearer", 401, "there is no bearer token\n"},
		{"another scheme", "Basic c2VjcmV0", 401, "there is no bearer token\n"},
		{"a token that cannot be checked", "Bearer later", 503, "the token cannot be checked now: no keys\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			handled = 0
			got := post(t, url+"/push/offers", delivery, "Authorization", tt.authorization)
			if got.status != tt.status || got.body != tt.want || (handled == 1) != (tt.status == 204) {
				t.Errorf("got %d %q, handled %d; want %d %q", got.status, got.body, handled, tt.status, tt.want)
			}
			if asked := got.header.Get("WWW-Authenticate"); (asked == "Bearer") != (tt.status == 401) {
				t.Errorf("WWW-Authenticate: %q", asked)
			}
		})
	}
	expectNothingSecret(t, logged)
	if logged.Len() == 0 {
		t.Error("nothing was logged")
	}
}

func TestBodiesBeyondTheMemoryAreTurnedAwayUntilThereIsRoom(t *testing.T) {
	entered, release := make(chan struct{}, 8), make(chan struct{})
	url := serve(t, push.Endpoint{Flow: flowFunc(func(context.Context, *backlog.Message) push.Outcome {
		entered <- struct{}{}
		<-release
		return push.Outcome{Fate: push.Done}
	})}, 1, zap.NewNop())
	body := strings.Replace(delivery, "c2VjcmV0", strings.Repeat("AAAA", push.MaxBody/8), 1) // Just over half of the room.
	var group sync.WaitGroup
	group.Go(func() {
		if got := post(t, url+"/push/offers", body); got.status != http.StatusNoContent {
			t.Errorf("the first: %+v", got)
		}
	})
	<-entered
	if got := post(t, url+"/push/offers", body); got.status != http.StatusTooManyRequests || got.header.Get("Retry-After") != "1" {
		t.Errorf("the second: %+v", got)
	}
	close(release)
	group.Wait()
	if got := post(t, url+"/push/offers", body); got.status != http.StatusNoContent {
		t.Errorf("the third, after the first: %+v", got)
	}
}

func TestTheHandlersContextEndsWhenTheSenderHasGone(t *testing.T) {
	ended := make(chan struct{})
	entered := make(chan struct{})
	url := serve(t, push.Endpoint{Flow: flowFunc(func(ctx context.Context, _ *backlog.Message) push.Outcome {
		close(entered)
		<-ctx.Done()
		close(ended)
		return push.Outcome{Fate: push.Failed}
	})}, 1<<20, zap.NewNop())
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "POST /push/offers HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", len(delivery), delivery)
	<-entered
	_ = conn.Close()
	<-ended
}

func TestABodyThatDoesNotComeInTimeIsABadRequestAndLeavesNothing(t *testing.T) {
	h := push.NewHandler(map[string]push.Endpoint{"offers": {Subscription: offers, Flow: always(push.Outcome{Fate: push.Done})}}, 1, time.Now, zap.NewNop())
	h.SetReadLimit(50 * time.Millisecond)
	mux := http.NewServeMux()
	mux.Handle("POST /push/{flow}", h)
	server := httptest.NewServer(mux)
	defer server.Close()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "POST /push/offers HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", push.MaxBody, delivery[:20])
	answer, _ := io.ReadAll(conn)
	if !strings.HasPrefix(string(answer), "HTTP/1.1 400 ") {
		t.Errorf("got %q", answer)
	}
	if got := post(t, server.URL+"/push/offers", delivery); got.status != http.StatusNoContent { // Its room is free again.
		t.Errorf("the next one: %+v", got)
	}
}

func TestABodyThatBreaksOffIsABadRequest(t *testing.T) {
	url := serve(t, push.Endpoint{Flow: always(push.Outcome{Fate: push.Done})}, 1<<20, zap.NewNop())
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "POST /push/offers HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n%s", delivery[:20])
	_ = conn.(*net.TCPConn).CloseWrite()
	answer, _ := io.ReadAll(conn)
	if !strings.HasPrefix(string(answer), "HTTP/1.1 400 ") {
		t.Errorf("got %q", answer)
	}
}
