package consume

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"cloud.google.com/go/iam/apiv1/iampb"
	vkit "cloud.google.com/go/pubsub/v2/apiv1"
	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"spillway/internal/backlog"
	"spillway/internal/emulator"
	"spillway/internal/pull"
)

func TestADeadLetterSaysWhereItCameFromAndWhy(t *testing.T) {
	sub := backlog.Subscription{Project: "shop", ID: "offers"}
	published := time.Date(2026, 11, 27, 8, 30, 0, 5e8, time.UTC)
	m := &backlog.Message{ID: "42", DeliveryAttempt: 3, PublishTime: published, Attributes: backlog.Attributes{{Key: "country", Value: "CH"}}}
	got := letterAttributes(m, sub, "worker-1", "bad price")
	want := map[string]string{
		"country": "CH", backlog.LetterReason: "bad price", backlog.LetterMessageID: "42",
		backlog.LetterSubscription: "projects/shop/subscriptions/offers", backlog.LetterAttempt: "3",
		backlog.LetterPublishTime: "2026-11-27T08:30:00.5Z", backlog.LetterWorker: "worker-1",
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Fatalf("got %v, want %v", got, want)
	}
	if len(m.Attributes) != 1 {
		t.Fatalf("the message's own attributes were changed: %v", m.Attributes)
	}
}

func TestADeadLetterIsWhatTheServiceTakes(t *testing.T) {
	for _, reason := range []string{strings.Repeat("ä", 2000), "x" + strings.Repeat("ä", 2000), "cut \xc3", ""} {
		got := letterAttributes(&backlog.Message{}, backlog.Subscription{}, "worker-1", reason)[backlog.LetterReason]
		if len(got) > 1024 || !utf8.ValidString(got) {
			t.Errorf("%.8q of %d bytes became %d bytes, valid UTF-8: %v", reason, len(reason), len(got), utf8.ValidString(got))
		}
	}
	for _, own := range []int{93, 94, 95, 99, 100} {
		m := &backlog.Message{}
		for i := range own {
			m.Attributes = append(m.Attributes, backlog.Attribute{Key: fmt.Sprintf("a%d", i), Value: "x"})
		}
		got := letterAttributes(m, backlog.Subscription{}, "worker-1", "bad price")
		if len(got) != min(100, own+6) {
			t.Errorf("%d attributes of its own make %d", own, len(got))
		}
		if _, ok := got[backlog.LetterReason]; ok != (own < 100) {
			t.Errorf("%d attributes of its own: the reason is there: %v", own, ok)
		}
	}
	schema := &backlog.Message{Attributes: backlog.AttributesOf(map[string]string{"googclient_schemaid": "1", "GoogX": "2", "goo": "3"})}
	if got := letterAttributes(schema, backlog.Subscription{}, "worker-1", "bad price"); len(got) != 7 || got["goo"] != "3" {
		t.Errorf("the service's own attributes are published: %v", got)
	}
	traced := map[string]string{"googclient_traceparent": "1", "googclient_tracestate": "2", "traceparent": "3", "tracestate": "4", "baggage": "5"}
	got := letterAttributes(&backlog.Message{Attributes: backlog.AttributesOf(traced)}, backlog.Subscription{}, "worker-1", "bad price")
	for key, want := range traced {
		if got[key] != want {
			t.Errorf("the trace context is not kept: %s is %q", key, got[key])
		}
	}
	again := &backlog.Message{Attributes: backlog.Attributes{{Key: backlog.LetterReason, Value: "old"}}}
	for i := range 99 {
		again.Attributes = append(again.Attributes, backlog.Attribute{Key: fmt.Sprintf("a%d", i), Value: "x"})
	}
	if got := letterAttributes(again, backlog.Subscription{}, "worker-1", "new"); got[backlog.LetterReason] != "new" || len(got) != 100 {
		t.Errorf("a letter that dies again has %d attributes and the reason %q", len(got), got[backlog.LetterReason])
	}
}

func TestClosingDoesNotWaitForADeadLetterThatCannotBePublished(t *testing.T) {
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0") // It accepts and says nothing.
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	t.Setenv(pull.EmulatorVariable, ln.Addr().String())
	l, err := newTopicLetters(t.Context(), backlog.Topic{Project: "shop", ID: "dead"}, backlog.Subscription{Project: "shop", ID: "offers"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := l.Publish(ctx, &backlog.Message{ID: "1", Data: []byte("x")}, "no price"); err == nil {
		t.Error("published to nobody")
	}
	if err := l.check(ctx); err != nil {
		t.Errorf("nothing is known of the topic, but: %v", err)
	}
	begin := time.Now()
	if err := l.close(); err != nil {
		t.Error(err)
	}
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("it took %s", took)
	}
}

func TestADeadLetterIsPublished(t *testing.T) {
	opts := emulator.DefaultOptions()
	opts.Listen, opts.Project, opts.Create = "127.0.0.1:0", "shop", []string{"dead:letters"}
	app, err := emulator.New(opts, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- app.Run(ctx) }()
	defer func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	t.Setenv(pull.EmulatorVariable, app.Addr())
	l, err := newTopicLetters(t.Context(), backlog.Topic{Project: "shop", ID: "dead"}, backlog.Subscription{Project: "shop", ID: "offers"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.close() }()
	if err := l.Publish(t.Context(), &backlog.Message{ID: "1", Data: []byte("x"), OrderingKey: "CH"}, "no price"); err != nil {
		t.Fatal(err)
	}
	client, err := vkit.NewSubscriptionAdminClient(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	got, err := client.Pull(t.Context(), &pubsubpb.PullRequest{Subscription: "projects/shop/subscriptions/letters", MaxMessages: 1})
	if err != nil {
		t.Fatal(err)
	}
	if m := got.GetReceivedMessages()[0].GetMessage(); string(m.GetData()) != "x" || m.GetOrderingKey() != "CH" || m.GetAttributes()[backlog.LetterReason] != "no price" {
		t.Errorf("published %v", m)
	}
	if err := l.check(t.Context()); err != nil {
		t.Errorf("the topic is well, but: %v", err)
	}
	if l.comeBack(t.Context()) {
		t.Error("letters of offers are said to come back, which has another topic")
	}
	l.subscription.ID = "letters"
	if !l.comeBack(t.Context()) {
		t.Error("nobody tells that letters come back to whom they came from")
	}
	l.topic.ID = "gone"
	if err := l.check(t.Context()); err == nil || err.Error() != "projects/shop/topics/gone does not exist: create it, or correct dead-letter-topic" {
		t.Errorf("a topic that does not exist: %v", err)
	}
	if err := l.Publish(t.Context(), &backlog.Message{ID: "1", Data: []byte("x")}, "no price"); err == nil {
		t.Error("published to a topic that does not exist")
	}
}

// guarded is a Pub/Sub that answers a question for a topic, or for permissions on it, as it is told.
type guarded struct {
	pubsubpb.UnimplementedPublisherServer
	iampb.UnimplementedIAMPolicyServer
	get, test error
	granted   []string
}

func (g *guarded) GetTopic(_ context.Context, r *pubsubpb.GetTopicRequest) (*pubsubpb.Topic, error) {
	return &pubsubpb.Topic{Name: r.GetTopic()}, g.get
}

func (g *guarded) TestIamPermissions(context.Context, *iampb.TestIamPermissionsRequest) (*iampb.TestIamPermissionsResponse, error) {
	return &iampb.TestIamPermissionsResponse{Permissions: g.granted}, g.test
}

func TestOnlyWhatIsKnownToKeepDeadLettersBackIsAFault(t *testing.T) {
	denied, missing := status.Error(codes.PermissionDenied, "no"), status.Error(codes.NotFound, "no")
	tests := []struct {
		name   string
		server *guarded
		want   string // nothing is wrong without
	}{
		{"all is well", &guarded{granted: []string{publishPermission}}, ""},
		{"a publisher may not get", &guarded{get: denied, granted: []string{publishPermission}}, ""},
		{"a viewer may not publish", &guarded{}, "may not be published to by these credentials: grant roles/pubsub.publisher on it"},
		{"neither", &guarded{get: denied}, "grant roles/pubsub.publisher on it"},
		{"it does not exist", &guarded{get: missing, granted: []string{publishPermission}}, "does not exist: create it"},
		{"permissions are not known here", &guarded{test: status.Error(codes.Unimplemented, "no")}, ""},
		{"nothing is known here", &guarded{get: denied, test: status.Error(codes.Unimplemented, "no")}, ""},
		{"it is not known for now", &guarded{get: status.Error(codes.Internal, "no"), test: status.Error(codes.Internal, "no")}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := lettersAt(t, tt.server)
			if l.comeBack(t.Context()) {
				t.Error("letters are said to come back, which nobody can know")
			}
			err := l.check(t.Context())
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

// lettersAt publishes to the topic "dead" of a server.
func lettersAt(t *testing.T, g *guarded) *topicLetters {
	t.Helper()
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server, done := grpc.NewServer(), make(chan error, 1)
	pubsubpb.RegisterPublisherServer(server, g)
	iampb.RegisterIAMPolicyServer(server, g)
	go func() { done <- server.Serve(ln) }()
	t.Setenv(pull.EmulatorVariable, ln.Addr().String())
	l, err := newTopicLetters(t.Context(), backlog.Topic{Project: "shop", ID: "dead"}, backlog.Subscription{Project: "shop", ID: "offers"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = l.close()
		server.Stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return l
}
