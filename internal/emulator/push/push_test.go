package push_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"google.golang.org/protobuf/proto"

	"spillway/internal/emulator/broker"
	"spillway/internal/emulator/push"
	"spillway/internal/emulator/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	topicName = "projects/p/topics/orders"
	subName   = "projects/p/subscriptions/billing"
)

type received struct {
	header http.Header
	body   []byte
}

// endpoint answers with the statuses in turn, then with 200, and passes on what it receives.
func endpoint(t *testing.T, statuses ...int) (url string, got <-chan received) {
	t.Helper()
	seen := make(chan received, 100)
	answers := make(chan int, len(statuses))
	for _, s := range statuses {
		answers <- s
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		select {
		case status := <-answers:
			w.WriteHeader(status)
		default:
		}
		seen <- received{r.Header, body}
	}))
	t.Cleanup(server.Close)
	return server.URL, seen
}

// run pushes from a broker with one subscription until the test ends.
func run(t *testing.T, config *pubsubpb.PushConfig) (*broker.Broker, *broker.Subscription) {
	t.Helper()
	return runSigned(t, config, push.NewSigner(time.Now))
}

// runSigned is run with a signer of its own.
func runSigned(t *testing.T, config *pubsubpb.PushConfig, signer *push.Signer) (*broker.Broker, *broker.Subscription) {
	t.Helper()
	b := broker.New(time.Now)
	if _, err := b.CreateTopic(&pubsubpb.Topic{Name: topicName}); err != nil {
		t.Fatal(err)
	}
	sub, err := b.CreateSubscription(&pubsubpb.Subscription{Name: subName, Topic: topicName, PushConfig: config})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- push.New(b, signer, zap.NewNop()).Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return b, sub
}

func publish(t *testing.T, b *broker.Broker, m *pubsubpb.PubsubMessage) uint64 {
	t.Helper()
	encoded, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := wire.ParseMessage(encoded)
	if err != nil {
		t.Fatal(err)
	}
	id, err := b.Publish(topicName, []wire.Message{parsed})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func next(t *testing.T, got <-chan received) received {
	t.Helper()
	select {
	case r := <-got:
		return r
	case <-time.After(20 * time.Second):
		t.Fatal("nothing was pushed")
		return received{}
	}
}

func expectBacklog(t *testing.T, sub *broker.Subscription, want int64) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); sub.State().Undelivered != want; {
		if time.Now().After(deadline) {
			t.Fatalf("backlog %d, want %d", sub.State().Undelivered, want)
		}
		<-time.After(time.Millisecond)
	}
}

func TestAWrappedMessageIsPostedAndAcknowledged(t *testing.T) {
	url, got := endpoint(t)
	b, sub := run(t, &pubsubpb.PushConfig{PushEndpoint: url})
	publish(t, b, &pubsubpb.PubsubMessage{Data: []byte("hello"), Attributes: map[string]string{"a": "1"}, OrderingKey: "k"})
	r := next(t, got)
	var body map[string]any
	if err := json.Unmarshal(r.body, &body); err != nil {
		t.Fatal(err)
	}
	message, _ := body["message"].(map[string]any)
	if message["messageId"] == "" || message["publishTime"] == "" || message["messageId"] != message["message_id"] ||
		message["publishTime"] != message["publish_time"] {
		t.Errorf("body %s", r.body)
	}
	for _, name := range []string{"messageId", "message_id", "publishTime", "publish_time"} {
		delete(message, name)
	}
	want := map[string]any{
		"message":      map[string]any{"data": "aGVsbG8=", "attributes": map[string]any{"a": "1"}, "orderingKey": "k"},
		"subscription": subName,
	}
	if diff := cmp.Diff(want, body); diff != "" {
		t.Error(diff)
	}
	if r.header.Get("Content-Type") != "application/json" {
		t.Errorf("headers %v", r.header)
	}
	expectBacklog(t, sub, 0)
}

func TestAnUnwrappedMessageIsItsData(t *testing.T) {
	url, got := endpoint(t)
	b, sub := run(t, &pubsubpb.PushConfig{PushEndpoint: url, Wrapper: &pubsubpb.PushConfig_NoWrapper_{
		NoWrapper: &pubsubpb.PushConfig_NoWrapper{WriteMetadata: true},
	}})
	publish(t, b, &pubsubpb.PubsubMessage{Data: []byte("hello"), Attributes: map[string]string{"tenant": "a", "not a header": "b"}})
	r := next(t, got)
	if string(r.body) != "hello" || r.header.Get("Tenant") != "a" || r.header.Get("X-Goog-Pubsub-Subscription-Name") != subName ||
		r.header.Get("X-Goog-Pubsub-Message-Id") == "" || r.header.Get("X-Goog-Pubsub-Publish-Time") == "" {
		t.Errorf("got %q with %v", r.body, r.header)
	}
	expectBacklog(t, sub, 0)
}

func TestOnlySuccessAcknowledges(t *testing.T) {
	url, got := endpoint(t, http.StatusInternalServerError, http.StatusFound, http.StatusBadRequest, http.StatusNoContent)
	b, sub := run(t, &pubsubpb.PushConfig{PushEndpoint: url})
	publish(t, b, &pubsubpb.PubsubMessage{Data: []byte("hello")})
	for range 4 {
		next(t, got)
	}
	expectBacklog(t, sub, 0)
	if s := sub.State(); s.Nacks != 3 || s.Acked[broker.Push] != 1 || s.Sent[broker.Push] != 4 {
		t.Errorf("state %+v", s)
	}
}

func TestAnEndpointCanBeGivenAndTakenAway(t *testing.T) {
	url, got := endpoint(t)
	b, sub := run(t, nil)
	publish(t, b, &pubsubpb.PubsubMessage{Data: []byte("first")})
	if _, err := b.UpdateSubscription(subName, func(c *pubsubpb.Subscription) error {
		c.PushConfig = &pubsubpb.PushConfig{PushEndpoint: url}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	next(t, got)
	expectBacklog(t, sub, 0)
	if _, err := b.UpdateSubscription(subName, func(c *pubsubpb.Subscription) error {
		c.PushConfig = &pubsubpb.PushConfig{}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for sub.State().Streams != 0 {
		<-time.After(time.Millisecond)
	}
	publish(t, b, &pubsubpb.PubsubMessage{Data: []byte("second")})
	expectBacklog(t, sub, 1)
}
