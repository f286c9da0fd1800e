package conformance_test

import (
	"fmt"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/status"
)

func exactlyOnce(c *pubsubpb.Subscription) { c.EnableExactlyOnceDelivery = true }

func exactlyOnceCases() []testCase {
	const source = "exactly-once-delivery"
	const permanent = "PERMANENT_FAILURE_INVALID_ACK_ID"
	return []testCase{
		{
			name: "exactly-once: an ack id that has expired", documented: "InvalidArgument, " + permanent, source: source,
			observe: func(w *world) string {
				w.setUp(exactlyOnce)
				w.publish(texts("x")...)
				first := w.pullOne()
				w.must(w.modify(0, first.GetAckId()))
				w.pullOne()
				return failure(w.ack(first.GetAckId()), first.GetAckId())
			},
		},
		{
			name: "exactly-once: moving a deadline that has expired", documented: "InvalidArgument, " + permanent, source: source,
			observe: func(w *world) string {
				w.setUp(exactlyOnce)
				w.publish(texts("x")...)
				first := w.pullOne()
				w.must(w.modify(0, first.GetAckId()))
				w.pullOne()
				return failure(w.modify(30, first.GetAckId()), first.GetAckId())
			},
		},
		{
			name: "exactly-once: acknowledging again after success", documented: "OK, then InvalidArgument, " + permanent, source: source,
			observe: func(w *world) string {
				w.setUp(exactlyOnce)
				w.publish(texts("x")...)
				id := w.pullOne().GetAckId()
				return code(w.ack(id)) + ", then " + failure(w.ack(id), id)
			},
		},
		{
			name: "exactly-once: one good ack id beside a stale one", documented: "the good message is acknowledged, the stale ack id fails",
			source: source, observe: goodBesideStale,
		},
		{name: "exactly-once: acks on the stream", documented: "confirmed", official: "not confirmed", source: source, observe: confirmedOnTheStream},
	}
}

// failure says what an error tells about an ack id.
func failure(err error, ackID string) string {
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok && info.GetMetadata()[ackID] != "" {
			return code(err) + ", " + info.GetMetadata()[ackID]
		}
	}
	return code(err) + ", nothing about the ack id"
}

func goodBesideStale(w *world) string {
	w.setUp(exactlyOnce)
	w.publish(texts("stale")...)
	stale := w.pullOne()
	w.must(w.modify(0, stale.GetAckId()))
	w.publish(texts("good")...)
	var good *pubsubpb.ReceivedMessage
	current := w.pull(2, patience)
	for _, m := range current {
		if string(m.GetMessage().GetData()) == "good" {
			good = m
		}
	}
	if good == nil {
		return "the good message does not come"
	}
	err := w.ack(stale.GetAckId(), good.GetAckId())
	if failure(err, stale.GetAckId()) == failure(err, good.GetAckId()) {
		return failure(err, stale.GetAckId()) + " for both"
	}
	for _, m := range current {
		if m != good {
			w.must(w.modify(0, m.GetAckId()))
		}
	}
	if again := data(w.pull(2, quiet)); again != "stale" {
		return "what comes again is " + again
	}
	return "the good message is acknowledged, the stale ack id fails"
}

func confirmedOnTheStream(w *world) string {
	w.setUp(exactlyOnce)
	w.publish(texts("x")...)
	s := w.openStream()
	ids := ackIDs(s.collect(1, patience))
	w.must(s.call.Send(&pubsubpb.StreamingPullRequest{AckIds: ids}))
	res := s.next(quiet)
	if res == nil {
		return "not confirmed"
	}
	if got := res.GetAcknowledgeConfirmation().GetAckIds(); len(got) != 1 || got[0] != ids[0] {
		return fmt.Sprint(res)
	}
	return "confirmed"
}
