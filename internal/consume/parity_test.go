package consume_test

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"cloud.google.com/go/pubsub/v2"
	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"github.com/google/go-cmp/cmp"

	"spillway/internal/consume"
	"spillway/internal/deliver"
)

// endpoint is an endpoint that keeps what it is sent, by the message's ID.
type endpoint struct {
	*httptest.Server
	mu  sync.Mutex
	got map[string]received
}

type received struct {
	Method, URL string
	Header      map[string]string
	Body        string
}

func newEndpoint(t *testing.T) *endpoint {
	t.Helper()
	r := &endpoint{got: map[string]received{}}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			t.Error(err)
		}
		id := req.Header.Get("X-Goog-Pubsub-Message-Id")
		if id == "" {
			var wrapped struct{ Message struct{ MessageID string } }
			if err := json.Unmarshal(body, &wrapped); err != nil {
				t.Errorf("%v in %.100s", err, body)
			}
			id = wrapped.Message.MessageID
		}
		header := map[string]string{}
		for name, values := range req.Header {
			header[name] = strings.Join(values, "|")
		}
		header["Content-Length"] = fmt.Sprint(req.ContentLength)
		r.mu.Lock()
		defer r.mu.Unlock()
		r.got[id] = received{req.Method, req.URL.String(), header, string(body)}
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *endpoint) all() map[string]received {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.got)
}

// recorded are the messages that are sent both ways: what an endpoint may meet.
func recorded() []*pubsub.Message {
	all := []*pubsub.Message{
		{Data: []byte("hello")},
		{Data: []byte(`{"price": 12.5, "text": "<b>&amp;</b> \u2028 zoë €😀"}`), Attributes: map[string]string{"Content-Type": "application/json"}},
		{Data: []byte{0, 1, 0xfe, 0xff, '\n'}, OrderingKey: "ean-1"},
		{Attributes: map[string]string{"only": "attributes"}},
		{Data: make([]byte, 300_000)},
		{Data: []byte("x"), Attributes: map[string]string{
			"tenant": "shop", "X-Trace-Id": "17", "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "empty": "",
			"not a header": "1", "käse": "1", "break": "1\r\nInjected: 1", "value": "  zoë  ", "quote": `"\` + "\t",
		}},
	}
	for i := range 5 {
		all = append(all, &pubsub.Message{Data: make([]byte, 1+i), OrderingKey: "key \"quoted\" €"})
	}
	return all
}

// differ are the headers that say who sends, or what only one of the two can know. docs/targets.md lists them.
func differ(header map[string]string) map[string]string {
	header = maps.Clone(header)
	for _, name := range []string{"User-Agent", "Accept-Encoding", "Spillway-Delivery-Attempt", "Authorization"} {
		delete(header, name)
	}
	return header
}

// sameBody undoes what JSON leaves open: the order of fields, and which characters are escaped. The subscriptions differ.
func sameBody(t *testing.T, r received, subscription string) any {
	t.Helper()
	if r.Header["Content-Type"] != "application/json" || !strings.HasPrefix(r.Body, `{"message"`) {
		return r.Body
	}
	var body map[string]any
	if err := json.Unmarshal([]byte(r.Body), &body); err != nil {
		t.Fatal(err)
	}
	if body["subscription"] != subscription {
		t.Errorf("subscription %v, want %s", body["subscription"], subscription)
	}
	delete(body, "subscription")
	return body
}

func TestAnEndpointCannotTellTheWorkerFromAPushSubscription(t *testing.T) {
	for format, push := range map[deliver.Format]*pubsubpb.PushConfig{
		deliver.Wrapped:   {},
		deliver.Unwrapped: {Wrapper: &pubsubpb.PushConfig_NoWrapper_{NoWrapper: &pubsubpb.PushConfig_NoWrapper{WriteMetadata: true}}},
	} {
		for _, attempts := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, attempts counted: %t", format, attempts), func(t *testing.T) {
				expectParity(t, format, push, attempts)
			})
		}
	}
}

func expectParity(t *testing.T, format deliver.Format, push *pubsubpb.PushConfig, attempts bool) {
	t.Helper()
	client := startEmulator(t, "offers", "dead")
	direct, behind := newEndpoint(t), newEndpoint(t)
	push.PushEndpoint = direct.URL + "/offers?token=1"
	const pushed, pulled = "projects/shop/subscriptions/pushed", "projects/shop/subscriptions/pulled"
	for name, config := range map[string]*pubsubpb.PushConfig{pushed: push, pulled: nil} {
		s := &pubsubpb.Subscription{Name: name, Topic: "projects/shop/topics/offers", PushConfig: config}
		if attempts {
			s.DeadLetterPolicy = &pubsubpb.DeadLetterPolicy{DeadLetterTopic: "projects/shop/topics/dead", MaxDeliveryAttempts: 5}
		}
		if _, err := client.SubscriptionAdminClient.CreateSubscription(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	startWorker(t, func(o *consume.Options) {
		o.Subscription, o.Target, o.Format = pulled, behind.URL+"/offers?token=1", format
	})
	n := publishAll(t, client, recorded())
	eventually(t, "both endpoints have everything", func() bool { return len(direct.all()) == n && len(behind.all()) == n })
	want, got := direct.all(), behind.all()
	for id := range want {
		w, g := want[id], got[id]
		if w.Method != g.Method || w.URL != g.URL {
			t.Errorf("%s %s, want %s %s", g.Method, g.URL, w.Method, w.URL)
		}
		if diff := cmp.Diff(sameBody(t, w, pushed), sameBody(t, g, pulled)); diff != "" {
			t.Errorf("body: %.2000s", diff)
		}
		wh, gh := differ(w.Header), differ(g.Header)
		if format == deliver.Wrapped { // The names of the subscriptions are as long as each other, but escapes are not.
			delete(wh, "Content-Length")
			delete(gh, "Content-Length")
		} else if wh["X-Goog-Pubsub-Subscription-Name"] != pushed || gh["X-Goog-Pubsub-Subscription-Name"] != pulled {
			t.Errorf("subscriptions %q and %q", wh["X-Goog-Pubsub-Subscription-Name"], gh["X-Goog-Pubsub-Subscription-Name"])
		}
		delete(wh, "X-Goog-Pubsub-Subscription-Name")
		delete(gh, "X-Goog-Pubsub-Subscription-Name")
		if diff := cmp.Diff(wh, gh); diff != "" {
			t.Errorf("headers: %s", diff)
		}
	}
}

func publishAll(t *testing.T, client *pubsub.Client, messages []*pubsub.Message) int {
	t.Helper()
	p := client.Publisher("offers")
	p.EnableMessageOrdering = true
	defer p.Stop()
	for _, m := range messages {
		if _, err := p.Publish(t.Context(), m).Get(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	return len(messages)
}
