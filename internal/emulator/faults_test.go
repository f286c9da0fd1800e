package emulator_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/iam/apiv1/iampb"
	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"spillway/internal/emulator"
)

func withFaults(texts ...string) func(*emulator.Options) {
	return func(o *emulator.Options) { o.PubsubFaults = texts }
}

func pull(t testing.TB, app *emulator.App, limit int32) []string {
	t.Helper()
	res, err := pubsubpb.NewSubscriberClient(dial(t, app)).Pull(t.Context(), &pubsubpb.PullRequest{Subscription: subName, MaxMessages: limit})
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, m := range res.GetReceivedMessages() {
		ids = append(ids, m.GetAckId())
	}
	return ids
}

func expectCode(t testing.TB, err error, want codes.Code) {
	t.Helper()
	if status.Code(err) != want {
		t.Fatalf("got %v, want code %s", err, want)
	}
}

func expectBacklog(t testing.TB, app *emulator.App, want string) {
	t.Helper()
	line := `backlog_messages{project_id="demo",subscription_id="billing"} ` + want
	for deadline := time.Now().Add(10 * time.Second); ; {
		_, body := get(t, app, "/metrics")
		if strings.Contains(body, line+"\n") {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the backlog never was %s", want)
		}
	}
}

func TestUnavailableExecutesNothing(t *testing.T) {
	app := start(t, withFaults("unavailable,method=Publish,topic=orders"))
	_, err := pubsubpb.NewPublisherClient(dial(t, app)).Publish(t.Context(), &pubsubpb.PublishRequest{
		Topic: topicName, Messages: []*pubsubpb.PubsubMessage{{Data: []byte("x")}},
	})
	expectCode(t, err, codes.Unavailable)
	expectBacklog(t, app, "0")
}

func TestWhatIsDeniedIsNotGranted(t *testing.T) {
	app := start(t)
	conn := dial(t, app)
	s := stream(t, app)
	expectOK(t, app, "POST", "/admin/faults", `{"pubsub":["denied,method=StreamingPull,subscription=billing"]}`)
	_, err := s.Recv()
	expectCode(t, err, codes.PermissionDenied)
	again, err := pubsubpb.NewSubscriberClient(conn).StreamingPull(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Send(&pubsubpb.StreamingPullRequest{Subscription: subName, StreamAckDeadlineSeconds: 60}); err != nil {
		t.Fatal(err)
	}
	_, err = again.Recv()
	expectCode(t, err, codes.PermissionDenied)
	publish(t, conn, 1) // Others are not hit.
	ask := &iampb.TestIamPermissionsRequest{Resource: subName, Permissions: []string{"pubsub.subscriptions.consume", "pubsub.subscriptions.get"}}
	got, err := iampb.NewIAMPolicyClient(conn).TestIamPermissions(t.Context(), ask)
	if err != nil || !slices.Equal(got.GetPermissions(), []string{"pubsub.subscriptions.get"}) {
		t.Errorf("granted %v, %v; want all but consuming", got.GetPermissions(), err)
	}
}

func TestALostAnswerHasBeenExecuted(t *testing.T) {
	app := start(t, withFaults("lost,method=Acknowledge"))
	conn := dial(t, app)
	publish(t, conn, 3)
	_, err := pubsubpb.NewSubscriberClient(conn).Acknowledge(t.Context(), &pubsubpb.AcknowledgeRequest{
		Subscription: subName, AckIds: pull(t, app, 10),
	})
	expectCode(t, err, codes.Unavailable)
	expectBacklog(t, app, "0")
}

func TestAHangingCallEndsWithItsDeadlineOrTheFault(t *testing.T) {
	app := start(t, withFaults("hang,method=GetTopic"))
	publisher := pubsubpb.NewPublisherClient(dial(t, app))
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := publisher.GetTopic(ctx, &pubsubpb.GetTopicRequest{Topic: topicName})
	expectCode(t, err, codes.DeadlineExceeded)
	done := make(chan error, 1)
	go func() {
		_, err := publisher.GetTopic(t.Context(), &pubsubpb.GetTopicRequest{Topic: topicName})
		done <- err
	}()
	expectOK(t, app, "POST", "/admin/faults", `{"pubsub":[]}`)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// stream opens a StreamingPull call that has been accepted.
func stream(t testing.TB, app *emulator.App) pubsubpb.Subscriber_StreamingPullClient {
	t.Helper()
	s, err := pubsubpb.NewSubscriberClient(dial(t, app)).StreamingPull(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	first := &pubsubpb.StreamingPullRequest{Subscription: subName, StreamAckDeadlineSeconds: 60, ProtocolVersion: 1}
	if err := s.Send(first); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Header(); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestCutEndsAnIdleStream(t *testing.T) {
	app := start(t)
	s := stream(t, app)
	expectOK(t, app, "POST", "/admin/faults", `{"pubsub":["cut,subscription=billing"]}`)
	_, err := s.Recv()
	expectCode(t, err, codes.Unavailable)
}

func TestAHalfDeadStreamIsSilentAndOpen(t *testing.T) {
	app := start(t, withFaults("halfdead"))
	conn := dial(t, app)
	publish(t, conn, 1)
	ctx, cancel := context.WithTimeout(t.Context(), 600*time.Millisecond)
	defer cancel()
	s, err := pubsubpb.NewSubscriberClient(conn).StreamingPull(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, req := range []*pubsubpb.StreamingPullRequest{{Subscription: subName, StreamAckDeadlineSeconds: 60, ProtocolVersion: 1}, {}} {
		if err := s.Send(req); err != nil {
			t.Fatal(err)
		}
	}
	res, err := s.Recv()
	if status.Code(err) != codes.DeadlineExceeded {
		t.Fatalf("got %v, %v", res, err)
	}
}

func TestDuplicatesCarryTheSameAckID(t *testing.T) {
	app := start(t, withFaults("duplicate"))
	publish(t, dial(t, app), 5)
	s := stream(t, app)
	ids := ackIDsOf(t, s)
	for len(ids) < 10 {
		ids = append(ids, ackIDsOf(t, s)...)
	}
	slices.Sort(ids)
	if unique := slices.Compact(slices.Clone(ids)); len(ids) != 10 || len(unique) != 5 {
		t.Fatalf("%d deliveries of %d messages", len(ids), len(unique))
	}
}

func TestDisorderMovesMessagesWithinAResponse(t *testing.T) {
	app := start(t, withFaults("disorder,share=0.5"))
	want := publish(t, dial(t, app), 50)
	s := stream(t, app)
	var got []string
	for len(got) < len(want) {
		res, err := s.Recv()
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range res.GetReceivedMessages() {
			got = append(got, m.GetMessage().GetMessageId())
		}
	}
	if slices.Equal(got, want) {
		t.Fatal("all in order")
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Fatal("not the same messages")
	}
}

func TestExactlyOnceNamesEachFailedAckID(t *testing.T) {
	app := start(t)
	conn := dial(t, app)
	subscriber := pubsubpb.NewSubscriberClient(conn)
	expectOK(t, app, "PATCH", "/v1/"+subName, `{"subscription":{"enableExactlyOnceDelivery":true},"updateMask":"enableExactlyOnceDelivery"}`)
	publish(t, conn, 2)
	ids := pull(t, app, 10)
	ack := func(ids ...string) error {
		_, err := subscriber.Acknowledge(t.Context(), &pubsubpb.AcknowledgeRequest{Subscription: subName, AckIds: ids})
		return err
	}
	if err := ack(ids[0]); err != nil {
		t.Fatal(err)
	}
	expectFailure(t, ack(ids...), ids[0], "PERMANENT_FAILURE_INVALID_ACK_ID")
	expectBacklog(t, app, "0")

	expectOK(t, app, "POST", "/admin/faults", `{"pubsub":["transient,method=Acknowledge"]}`)
	publish(t, conn, 1)
	ids = pull(t, app, 10)
	expectFailure(t, ack(ids...), ids[0], "TRANSIENT_FAILURE_SERVICE_UNAVAILABLE")
	expectBacklog(t, app, "1")
	expectOK(t, app, "POST", "/admin/faults", `{"pubsub":[]}`)
	if err := ack(ids...); err != nil {
		t.Fatal(err)
	}
}

// expectFailure wants an ErrorInfo that names one ack id with this reason, and no other.
func expectFailure(t *testing.T, err error, id, reason string) {
	t.Helper()
	expectCode(t, err, codes.InvalidArgument)
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok {
			if len(info.GetMetadata()) != 1 || info.GetMetadata()[id] != reason {
				t.Fatalf("ErrorInfo %v, want %s for %s", info, reason, id)
			}
			return
		}
	}
	t.Fatalf("no ErrorInfo in %v", err)
}

func TestStreamsConfirmAcksOfExactlyOnce(t *testing.T) {
	app := start(t)
	expectOK(t, app, "PATCH", "/v1/"+subName, `{"subscription":{"enableExactlyOnceDelivery":true},"updateMask":"enableExactlyOnceDelivery"}`)
	publish(t, dial(t, app), 2)
	s := stream(t, app)
	ids := ackIDsOf(t, s)
	for len(ids) < 2 {
		ids = append(ids, ackIDsOf(t, s)...)
	}
	send := func(req *pubsubpb.StreamingPullRequest) *pubsubpb.StreamingPullResponse {
		t.Helper()
		if err := s.Send(req); err != nil {
			t.Fatal(err)
		}
		res, err := s.Recv()
		if err != nil {
			t.Fatal(err)
		}
		return res
	}
	if got := send(&pubsubpb.StreamingPullRequest{AckIds: ids[:1]}).GetAcknowledgeConfirmation(); !slices.Equal(got.GetAckIds(), ids[:1]) {
		t.Fatalf("confirmation %v", got)
	}
	if got := send(&pubsubpb.StreamingPullRequest{AckIds: ids[:1]}).GetAcknowledgeConfirmation(); !slices.Equal(got.GetInvalidAckIds(), ids[:1]) {
		t.Fatalf("confirmation %v", got)
	}
	modify := &pubsubpb.StreamingPullRequest{ModifyDeadlineAckIds: ids, ModifyDeadlineSeconds: []int32{30, 30}}
	got := send(modify).GetModifyAckDeadlineConfirmation()
	if !slices.Equal(got.GetAckIds(), ids[1:]) || !slices.Equal(got.GetInvalidAckIds(), ids[:1]) {
		t.Fatalf("confirmation %v", got)
	}
}

func TestFaultsAreListedAndRefusedByTheirText(t *testing.T) {
	app := start(t, withFaults("cut,share=0.5,for=1m0s"))
	listed := expectOK(t, app, "GET", "/admin/faults", "")
	if list, _ := listed["pubsub"].([]any); len(list) != 1 || list[0] != "cut,for=1m0s,share=0.5" {
		t.Errorf("listed %v", listed)
	}
	for body, want := range map[string]string{
		`{"pubsub":["explode"]}`:     "unknown kind",
		`{"monitoring":["explode"]}`: "explode",
		`{"pubsubs":[]}`:             "unknown field",
		`{}`:                         "neither",
		`[`:                          "",
	} {
		status, answer := call(t, app, "POST", "/admin/faults", body)
		if text, _ := answer["error"].(string); status != http.StatusBadRequest || !strings.Contains(text, want) {
			t.Errorf("%s: %d %v", body, status, answer)
		}
	}
}
