package conformance_test

import (
	"fmt"
	"time"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
)

func pullCases() []testCase {
	const rpc = "reference/rpc/google.pubsub.v1#"
	return []testCase{
		{name: "Pull's limit", documented: "at most 3 of 10", source: rpc + "pullrequest", observe: pullsLimit},
		{name: "an acknowledged message", documented: "never comes again", source: "pull", observe: acknowledged},
		{name: "acknowledging twice", documented: "OK, OK", source: rpc + "acknowledgerequest", observe: acknowledgedTwice},
		{
			name: "a nack", documented: "the message comes again at once, with a new ack id", source: rpc + "modifyackdeadlinerequest",
			observe: nacked,
		},
		{name: "a lease that nobody extends", documented: "ends after 10s", source: "lease-management", observe: expired},
		{name: "a lease that is extended", documented: "ends after 15s", source: "lease-management", observe: extended},
		{name: "an ack after the lease's end", documented: "OK", source: rpc + "acknowledgerequest", observe: lateAck},
	}
}

func pullsLimit(w *world) string {
	w.setUp()
	w.publish(numbered(10, "")...)
	res, err := w.client.SubscriptionAdminClient.Pull(w.bounded(), &pubsubpb.PullRequest{Subscription: w.sub, MaxMessages: 3})
	w.must(err)
	if n := len(res.GetReceivedMessages()); n < 1 || n > 3 {
		return fmt.Sprint(n, " of 10")
	}
	return "at most 3 of 10"
}

// redelivery waits for the next delivery and says how long it took.
func (w *world) redelivery() (*pubsubpb.ReceivedMessage, time.Duration) {
	begin := time.Now()
	m := w.pullOne()
	return m, time.Since(begin)
}

func acknowledged(w *world) string {
	w.setUp()
	w.publish(texts("x")...)
	w.must(w.ack(w.pullOne().GetAckId()))
	if got := w.pull(1, 12*time.Second); len(got) > 0 {
		return "comes again"
	}
	return "never comes again"
}

func acknowledgedTwice(w *world) string {
	w.setUp()
	w.publish(texts("x")...)
	id := w.pullOne().GetAckId()
	return code(w.ack(id)) + ", " + code(w.ack(id))
}

func nacked(w *world) string {
	w.setUp()
	w.publish(texts("x")...)
	first := w.pullOne()
	w.must(w.modify(0, first.GetAckId()))
	again, after := w.redelivery()
	if again.GetAckId() == first.GetAckId() || again.GetMessage().GetMessageId() != first.GetMessage().GetMessageId() {
		return fmt.Sprintf("%v, then %v", first, again)
	}
	return "the message comes again " + roughly(after) + ", with a new ack id"
}

func expired(w *world) string {
	w.setUp()
	w.publish(texts("x")...)
	w.pullOne()
	_, after := w.redelivery()
	return "ends " + roughly(after, 10*time.Second)
}

func extended(w *world) string {
	w.setUp()
	w.publish(texts("x")...)
	w.must(w.modify(15, w.pullOne().GetAckId()))
	_, after := w.redelivery()
	return "ends " + roughly(after, 15*time.Second)
}

func lateAck(w *world) string {
	w.setUp()
	w.publish(texts("x")...)
	first := w.pullOne()
	w.must(w.modify(1, first.GetAckId()))
	again, _ := w.redelivery()
	w.must(w.modify(60, again.GetAckId()))
	return code(w.ack(first.GetAckId())) // whether the message comes again is left open
}
