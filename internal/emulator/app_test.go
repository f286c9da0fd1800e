package emulator_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cloud.google.com/go/pubsub/v2"
	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"spillway/internal/emulator"
)

const (
	topicName = "projects/demo/topics/orders"
	subName   = "projects/demo/subscriptions/billing"
)

// start runs an emulator with one topic and one subscription until the test ends.
func start(t testing.TB, edits ...func(*emulator.Options)) *emulator.App {
	t.Helper()
	opts := emulator.DefaultOptions()
	opts.Listen = "127.0.0.1:0"
	opts.Create = []string{"orders:billing"}
	for _, edit := range edits {
		edit(&opts)
	}
	app, err := emulator.New(opts, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- app.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return app
}

// dial opens a gRPC connection that ends with the test.
func dial(t testing.TB, app *emulator.App) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient(app.Addr(), grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(64<<20)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// client opens the official client as PUBSUB_EMULATOR_HOST would.
func client(t testing.TB, app *emulator.App) *pubsub.Client {
	t.Helper()
	c, err := pubsub.NewClient(t.Context(), "demo", option.WithEndpoint(app.Addr()), option.WithoutAuthentication(),
		option.WithGRPCDialOption(grpc.WithTransportCredentials(insecure.NewCredentials())))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func publish(t testing.TB, conn grpc.ClientConnInterface, n int) []string {
	t.Helper()
	req := &pubsubpb.PublishRequest{Topic: topicName}
	for i := range n {
		req.Messages = append(req.Messages, &pubsubpb.PubsubMessage{Data: fmt.Appendf(nil, "m%d", i)})
	}
	res, err := pubsubpb.NewPublisherClient(conn).Publish(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	return res.GetMessageIds()
}

func get(t testing.TB, app *emulator.App, path string) (status int, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+app.Addr()+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Close = true
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(b)
}

func TestTheOfficialClientPublishesAndReceives(t *testing.T) {
	app := start(t)
	c := client(t, app)
	publisher := c.Publisher(topicName)
	defer publisher.Stop()
	var results []*pubsub.PublishResult
	for i := range 2000 {
		m := &pubsub.Message{Data: fmt.Appendf(nil, "%d", i), Attributes: map[string]string{"i": "1"}}
		results = append(results, publisher.Publish(t.Context(), m))
	}
	want := map[string]bool{}
	for _, r := range results {
		id, err := r.Get(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		want[id] = true
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var mu sync.Mutex
	got := map[string]int{}
	err := c.Subscriber(subName).Receive(ctx, func(_ context.Context, m *pubsub.Message) {
		mu.Lock()
		defer mu.Unlock()
		got[m.ID]++
		if m.Attributes["i"] != "1" || m.PublishTime.IsZero() {
			t.Errorf("message %+v", m)
		}
		m.Ack()
		if len(got) == len(want) {
			cancel()
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != len(want) {
		t.Fatalf("received %d of %d", len(got), len(want))
	}
	for id, n := range got {
		if n != 1 || !want[id] {
			t.Fatalf("message %s came %d times, published %v", id, n, want[id])
		}
	}
}

func TestStreamingPullHonoursTheLimitOnMessages(t *testing.T) {
	app := start(t)
	conn := dial(t, app)
	publish(t, conn, 50)
	stream, err := pubsubpb.NewSubscriberClient(conn).StreamingPull(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	first := &pubsubpb.StreamingPullRequest{Subscription: subName, StreamAckDeadlineSeconds: 60, MaxOutstandingMessages: 10, ProtocolVersion: 1}
	if err := stream.Send(first); err != nil {
		t.Fatal(err)
	}
	var ackIDs []string
	for len(ackIDs) < 10 {
		ackIDs = append(ackIDs, ackIDsOf(t, stream)...)
	}
	if n := len(pingUntilAnswered(t, stream)); n != 0 || len(ackIDs) != 10 {
		t.Fatalf("%d messages and %d more beyond a limit of 10", len(ackIDs), n)
	}
	if err := stream.Send(&pubsubpb.StreamingPullRequest{AckIds: ackIDs[:4]}); err != nil {
		t.Fatal(err)
	}
	more := ackIDsOf(t, stream)
	for len(more) < 4 {
		more = append(more, ackIDsOf(t, stream)...)
	}
	if more = append(more, pingUntilAnswered(t, stream)...); len(more) != 4 {
		t.Fatalf("%d messages after 4 acks", len(more))
	}
}

func ackIDsOf(t testing.TB, stream pubsubpb.Subscriber_StreamingPullClient) []string {
	t.Helper()
	res, err := stream.Recv()
	if err != nil {
		t.Fatal(err)
	}
	if res.GetSubscriptionProperties() == nil {
		t.Error("a response without subscription_properties")
	}
	var list []string
	for _, m := range res.GetReceivedMessages() {
		list = append(list, m.GetAckId())
	}
	return list
}

// pingUntilAnswered sends a keep-alive request and returns what was delivered until its answer came.
func pingUntilAnswered(t testing.TB, stream pubsubpb.Subscriber_StreamingPullClient) []string {
	t.Helper()
	if err := stream.Send(&pubsubpb.StreamingPullRequest{}); err != nil {
		t.Fatal(err)
	}
	return ackIDsOf(t, stream)
}

func TestDeletingTheSubscriptionEndsItsStream(t *testing.T) {
	app := start(t)
	conn := dial(t, app)
	subscriber := pubsubpb.NewSubscriberClient(conn)
	stream, err := subscriber.StreamingPull(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(&pubsubpb.StreamingPullRequest{Subscription: subName, StreamAckDeadlineSeconds: 10}); err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Header(); err != nil {
		t.Fatal(err)
	}
	if _, err := subscriber.DeleteSubscription(t.Context(), &pubsubpb.DeleteSubscriptionRequest{Subscription: subName}); err != nil {
		t.Fatal(err)
	}
	if _, err = stream.Recv(); !strings.Contains(fmt.Sprint(err), "NotFound") {
		t.Fatalf("got %v", err)
	}
}

func TestMetricsAndStateShowTheTrueBacklog(t *testing.T) {
	app := start(t, func(o *emulator.Options) { o.SamplePeriod, o.VisibilityDelay = 50*time.Millisecond, -1 })
	conn := dial(t, app)
	publish(t, conn, 7)
	pulled, err := pubsubpb.NewSubscriberClient(conn).Pull(t.Context(), &pubsubpb.PullRequest{Subscription: subName, MaxMessages: 3})
	if err != nil || len(pulled.GetReceivedMessages()) != 3 {
		t.Fatalf("pulled %v, %v", pulled, err)
	}
	_, metrics := get(t, app, "/metrics")
	for _, line := range []string{
		`emulator_subscription_backlog_messages{project_id="demo",subscription_id="billing"} 7`,
		`emulator_subscription_outstanding_messages{delivery_type="pull",project_id="demo",subscription_id="billing"} 3`,
		`emulator_topic_published_messages_total{project_id="demo",topic_id="orders"} 7`,
	} {
		if !strings.Contains(metrics, line) {
			t.Errorf("no line %q", line)
		}
	}
	var state struct {
		Subscriptions []struct {
			Name       string
			Backlog    int64
			Monitoring map[string]struct{ Value int64 }
		}
	}
	for deadline := time.Now().Add(10 * time.Second); ; {
		_, body := get(t, app, "/admin/state")
		if err := json.Unmarshal([]byte(body), &state); err != nil {
			t.Fatal(err)
		}
		if s := state.Subscriptions[0]; s.Name != subName || s.Backlog != 7 {
			t.Fatalf("state %s", body)
		}
		if state.Subscriptions[0].Monitoring["num_undelivered_messages"].Value == 7 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("Cloud Monitoring never showed 7: %s", body)
		}
	}
}

func TestServingIsLoggedWithItsAddress(t *testing.T) {
	core, logs := observer.New(zap.InfoLevel)
	opts := emulator.DefaultOptions()
	opts.Listen = "127.0.0.1:0"
	app, err := emulator.New(opts, zap.New(core))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := app.Run(ctx); err != nil {
		t.Fatal(err)
	}
	lines := logs.FilterMessage("serving").All()
	if len(lines) != 1 || lines[0].ContextMap()["address"] != app.Addr() {
		t.Fatalf("logged %v", logs.All())
	}
}

func TestEightPublishersAndEightStreams(t *testing.T) {
	app := start(t)
	const publishers, each = 8, 40
	var group sync.WaitGroup
	for range publishers {
		conn := dial(t, app)
		group.Go(func() {
			for range each {
				publish(t, conn, 25)
			}
		})
	}
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	var received atomic.Int64
	for range 8 {
		conn := dial(t, app)
		group.Go(func() { consume(ctx, t, conn, &received, publishers*each*25, cancel) })
	}
	group.Wait()
	if got := received.Load(); got != publishers*each*25 {
		t.Fatalf("received %d of %d", got, publishers*each*25)
	}
	_, body := get(t, app, "/metrics")
	if !strings.Contains(body, `backlog_messages{project_id="demo",subscription_id="billing"} 0`) {
		t.Error("the backlog is not 0")
	}
}

// consume acks everything one stream receives until all streams have received want messages together.
func consume(ctx context.Context, t *testing.T, conn *grpc.ClientConn, received *atomic.Int64, want int64, done func()) {
	t.Helper()
	subscriber := pubsubpb.NewSubscriberClient(conn)
	stream, err := subscriber.StreamingPull(ctx)
	if err != nil {
		return
	}
	_ = stream.Send(&pubsubpb.StreamingPullRequest{Subscription: subName, StreamAckDeadlineSeconds: 60, MaxOutstandingMessages: 100})
	for {
		res, err := stream.Recv()
		if err != nil {
			return
		}
		req := &pubsubpb.AcknowledgeRequest{Subscription: subName}
		for _, m := range res.GetReceivedMessages() {
			req.AckIds = append(req.AckIds, m.GetAckId())
		}
		if _, err := subscriber.Acknowledge(context.WithoutCancel(ctx), req); err != nil {
			t.Error(err)
		}
		if received.Add(int64(len(req.GetAckIds()))) == want {
			done()
		}
	}
}
