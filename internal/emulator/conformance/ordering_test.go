package conformance_test

import (
	"fmt"
	"strings"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
)

func ordered(c *pubsubpb.Subscription) { c.EnableMessageOrdering = true }

func orderingCases() []testCase {
	return []testCase{
		{name: "messages of one ordering key", documented: "0 1 2 3 4 5 6 7 8 9", source: "ordering", observe: inOrder},
		{name: "messages of one ordering key in several publishes", documented: "0 1 2 3 4 5 6 7 8 9", source: "ordering", observe: inOrderOfPublishes},
		{
			name: "a nack with ordering", documented: "0 comes again, and so do the later messages of its key: 0 1 2 3", source: "ordering",
			official: "0 comes again alone: 0", observe: nackedInOrder,
		},
		{
			name: "a nack with ordering and other keys", documented: "the other key's messages do not come again", source: "ordering",
			observe: nackedBesideAnotherKey,
		},
	}
}

func inOrder(w *world) string {
	w.setUp(ordered)
	w.publish(numbered(10, "k")...)
	return w.drainInOrder(10)
}

func inOrderOfPublishes(w *world) string {
	w.setUp(ordered)
	for _, m := range numbered(10, "k") {
		w.publish(m)
	}
	return w.drainInOrder(10)
}

// drainInOrder receives and acknowledges n messages on a stream, and lists them as they came.
func (w *world) drainInOrder(n int) string {
	s := w.openStream()
	var list []string
	for len(list) < n {
		got := s.collect(1, patience)
		if len(got) == 0 {
			break
		}
		w.must(s.call.Send(&pubsubpb.StreamingPullRequest{AckIds: ackIDs(got)}))
		list = append(list, strings.Fields(data(got))...)
	}
	return strings.Join(list, " ")
}

func nackedInOrder(w *world) string {
	w.setUp(ordered)
	w.publish(numbered(4, "k")...)
	s := w.openStream()
	got := s.collect(4, patience)
	if data(got) != "0 1 2 3" {
		return "first come " + data(got)
	}
	w.must(s.call.Send(&pubsubpb.StreamingPullRequest{
		ModifyDeadlineAckIds: ackIDs(got[:1]), ModifyDeadlineSeconds: []int32{0},
	}))
	again := data(s.collect(4, quiet))
	if again == "0" {
		return "0 comes again alone: 0"
	}
	return "0 comes again, and so do the later messages of its key: " + again
}

func nackedBesideAnotherKey(w *world) string {
	w.setUp(ordered)
	w.publish(numbered(2, "a")...)
	w.publish(numbered(2, "b")...)
	s := w.openStream()
	got := s.collect(4, patience)
	for _, m := range got {
		if m.GetMessage().GetOrderingKey() == "a" {
			w.must(s.call.Send(&pubsubpb.StreamingPullRequest{
				ModifyDeadlineAckIds: []string{m.GetAckId()}, ModifyDeadlineSeconds: []int32{0},
			}))
			break
		}
	}
	for _, m := range s.collect(2, quiet) {
		if key := m.GetMessage().GetOrderingKey(); key != "a" {
			return fmt.Sprintf("a message of key %s comes again", key)
		}
	}
	return "the other key's messages do not come again"
}
