package conformance_test

import (
	"fmt"
	"time"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

func retaining(c *pubsubpb.Subscription) { c.RetainAckedMessages = true }

func seekCases() []testCase {
	const source = "replay-overview"
	return []testCase{
		{name: "seeking back", documented: "acknowledged messages come again: 3", source: source, observe: seekBack},
		{
			name: "seeking back without retained messages", documented: "acknowledged messages come again: 0", source: source,
			observe: seekBackWithoutRetention,
		},
		{name: "seeking ahead", documented: "what waited is gone, what is published later comes", source: source, observe: seekAhead},
		{name: "seeking with a message out", documented: "it comes again at once", source: source, observe: seekUnderLease},
		{
			name:       "a topic that keeps messages, and a subscription that lets acknowledged ones go",
			documented: "acknowledged messages come again: 3", source: source, observe: topicRetention,
		},
		{
			name: "a topic that keeps messages from before the subscription", documented: "come after seeking back", spillway: "do not come after seeking back", source: source,
			observe: topicRetentionBefore,
		},
		{
			name: "a snapshot", documented: "seeking to it brings the message back", source: source,
			spillway: "making it: Unimplemented", observe: snapshot,
		},
	}
}

func (w *world) seek(to time.Time) {
	w.Helper()
	_, err := w.client.SubscriptionAdminClient.Seek(w.bounded(), &pubsubpb.SeekRequest{
		Subscription: w.sub, Target: &pubsubpb.SeekRequest_Time{Time: timestamppb.New(to)},
	})
	w.must(err)
}

// replayed publishes three messages, acknowledges them, seeks back and says how many come again.
func (w *world) replayed() string {
	w.Helper()
	w.publish(numbered(3, "")...)
	got := w.pull(3, patience)
	w.must(w.ack(ackIDs(got)...))
	w.seek(time.Now().Add(-time.Hour))
	return fmt.Sprintf("acknowledged messages come again: %d", len(w.pull(3, 2*quiet)))
}

func seekBack(w *world) string {
	w.setUp(retaining)
	return w.replayed()
}

func seekBackWithoutRetention(w *world) string {
	w.setUp()
	return w.replayed()
}

func seekAhead(w *world) string {
	w.setUp()
	w.publish(texts("old")...)
	w.seek(time.Now().Add(time.Second))
	if got := w.pull(1, quiet); len(got) > 0 {
		return "what waited comes"
	}
	w.publish(texts("new")...)
	if got := string(w.pullOne().GetMessage().GetData()); got != "new" {
		return got + " comes"
	}
	return "what waited is gone, what is published later comes"
}

func seekUnderLease(w *world) string {
	w.setUp(func(c *pubsubpb.Subscription) { c.AckDeadlineSeconds = 600 })
	w.publish(texts("x")...)
	w.pullOne()
	w.seek(time.Now().Add(-time.Hour))
	if got := w.pull(1, quiet); len(got) == 0 {
		return "it does not come again"
	}
	return "it comes again at once"
}

func (w *world) setUpRetainingTopic() {
	w.Helper()
	_, err := w.client.TopicAdminClient.CreateTopic(w.bounded(),
		&pubsubpb.Topic{Name: w.topic, MessageRetentionDuration: durationpb.New(time.Hour)})
	w.must(err)
}

func topicRetention(w *world) string {
	w.setUpRetainingTopic()
	_, err := w.subscribe()
	w.must(err)
	return w.replayed()
}

func topicRetentionBefore(w *world) string {
	w.setUpRetainingTopic()
	w.publish(texts("early")...)
	_, err := w.subscribe()
	w.must(err)
	w.seek(time.Now().Add(-time.Hour))
	if got := w.pull(1, 2*quiet); len(got) == 0 {
		return "do not come after seeking back"
	}
	return "come after seeking back"
}

func snapshot(w *world) string {
	w.setUp()
	w.publish(texts("x")...)
	name := "projects/" + w.project + "/snapshots/before"
	_, err := w.client.SubscriptionAdminClient.CreateSnapshot(w.bounded(), &pubsubpb.CreateSnapshotRequest{Name: name, Subscription: w.sub})
	if err != nil {
		return "making it: " + code(err)
	}
	w.must(w.ack(w.pullOne().GetAckId()))
	_, err = w.client.SubscriptionAdminClient.Seek(w.bounded(), &pubsubpb.SeekRequest{
		Subscription: w.sub, Target: &pubsubpb.SeekRequest_Snapshot{Snapshot: name},
	})
	w.must(err)
	w.pullOne()
	return "seeking to it brings the message back"
}
