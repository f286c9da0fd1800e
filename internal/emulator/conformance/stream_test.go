package conformance_test

import (
	"context"
	"fmt"
	"time"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
)

// stream is one StreamingPull of a case.
type stream struct {
	w    *world
	call pubsubpb.Subscriber_StreamingPullClient
	in   chan *pubsubpb.StreamingPullResponse
	err  error // why in was closed
}

// openStream opens a stream whose first request edits change. It ends with the case.
func (w *world) openStream(edits ...func(*pubsubpb.StreamingPullRequest)) *stream {
	w.Helper()
	ctx, cancel := context.WithCancel(w.Context())
	call, err := w.client.SubscriptionAdminClient.StreamingPull(ctx)
	w.must(err)
	first := &pubsubpb.StreamingPullRequest{Subscription: w.sub, StreamAckDeadlineSeconds: 60}
	for _, edit := range edits {
		edit(first)
	}
	w.must(call.Send(first))
	s := &stream{w: w, call: call, in: make(chan *pubsubpb.StreamingPullResponse)}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.read(ctx)
	}()
	w.Cleanup(func() { cancel(); <-ended })
	return s
}

func (s *stream) read(ctx context.Context) {
	defer close(s.in)
	for {
		res, err := s.call.Recv()
		if err != nil {
			s.err = err
			return
		}
		select {
		case s.in <- res:
		case <-ctx.Done():
			return
		}
	}
}

// next returns the next response, nil when none comes in time.
func (s *stream) next(within time.Duration) *pubsubpb.StreamingPullResponse {
	select {
	case res, open := <-s.in:
		if !open {
			s.w.Fatalf("the stream has ended: %v", s.err)
		}
		return res
	case <-time.After(within):
		return nil
	}
}

// collect gathers messages until n have come or none has for the given time.
func (s *stream) collect(n int, within time.Duration) []*pubsubpb.ReceivedMessage {
	var got []*pubsubpb.ReceivedMessage
	for len(got) < n {
		res := s.next(within)
		if res == nil {
			return got
		}
		got = append(got, res.GetReceivedMessages()...)
	}
	return got
}

// end waits until the stream ends by itself and returns its code.
func (s *stream) end() string {
	for {
		select {
		case _, open := <-s.in:
			if !open {
				return code(s.err)
			}
		case <-time.After(quiet + 3*time.Second):
			return "the stream stays open"
		}
	}
}

func streamCases() []testCase {
	const rpc = "reference/rpc/google.pubsub.v1#"
	const bad = "InvalidArgument"
	first := func(edit func(*pubsubpb.StreamingPullRequest)) func(*world) string {
		return func(w *world) string { w.setUp(); return w.openStream(edit).end() }
	}
	later := func(req *pubsubpb.StreamingPullRequest) func(*world) string {
		return func(w *world) string {
			w.setUp()
			s := w.openStream()
			w.must(s.call.Send(req))
			return s.end()
		}
	}
	return []testCase{
		{
			name: "flow control by messages", documented: "10 of 50 come, and 5 more after 5 acks", source: "flow-control-messages",
			official: "all 50 come", observe: flowControlByMessages,
		},
		{
			name: "flow control by bytes", documented: "about 5,000 bytes of 50,000 come", source: "flow-control-messages",
			official: "all 50,000 bytes come", observe: flowControlByBytes,
		},
		{
			name: "a keep-alive ping of protocol version 1", documented: "answered", source: rpc + "streamingpullrequest",
			official: "not answered", observe: ping,
		},
		{
			name: "what a stream says of its subscription", documented: "exactly-once true, ordering true", source: rpc + "subscriptionproperties",
			observe: subscriptionProperties,
		},
		{name: "two streams of a subscription", documented: "every message comes once, both get some", source: "pull", observe: twoStreams},
		{name: "acks on the stream", documented: "never come again", source: "pull", observe: acksOnTheStream},
		{name: "a nack on the stream", documented: "the message comes again at once", source: "pull", observe: nackOnTheStream},
		{name: "deleting the subscription of a stream", documented: "NotFound", source: "reference/error-codes", observe: deletedUnderAStream},
		{
			name: "a stream of a subscription that is not there", documented: "NotFound", source: "reference/error-codes",
			observe: first(func(r *pubsubpb.StreamingPullRequest) { r.Subscription += "-2" }),
		},
		{
			name: "a stream with an ack deadline of 9 s", documented: bad, source: rpc + "streamingpullrequest",
			observe: first(func(r *pubsubpb.StreamingPullRequest) { r.StreamAckDeadlineSeconds = 9 }),
		},
		{
			name: "a stream that names its subscription twice", documented: bad, source: rpc + "streamingpullrequest",
			observe: later(&pubsubpb.StreamingPullRequest{Subscription: "projects/p/subscriptions/other"}),
		},
		{
			name: "a stream that changes its flow control", documented: bad, official: "the stream stays open", source: rpc + "streamingpullrequest",
			observe: later(&pubsubpb.StreamingPullRequest{MaxOutstandingMessages: 5}),
		},
		{
			name: "a stream whose deadlines and ack ids differ in number", documented: bad, source: rpc + "streamingpullrequest",
			observe: later(&pubsubpb.StreamingPullRequest{ModifyDeadlineSeconds: []int32{10}}),
		},
		{
			name: "a malformed ack id on the stream", documented: bad, source: rpc + "streamingpullrequest",
			observe: later(&pubsubpb.StreamingPullRequest{AckIds: []string{"no ack id"}}),
		},
	}
}

func flowControlByMessages(w *world) string {
	w.setUp()
	w.publish(numbered(50, "")...)
	s := w.openStream(func(r *pubsubpb.StreamingPullRequest) { r.MaxOutstandingMessages = 10 })
	got := s.collect(10, patience)
	got = append(got, s.collect(40, quiet)...)
	if len(got) == 50 {
		return "all 50 come"
	}
	w.must(s.call.Send(&pubsubpb.StreamingPullRequest{AckIds: ackIDs(got[:5])}))
	return fmt.Sprintf("%d of 50 come, and %d more after 5 acks", len(got), len(s.collect(6, quiet)))
}

func flowControlByBytes(w *world) string {
	w.setUp()
	messages := numbered(50, "")
	for _, m := range messages {
		m.Data = make([]byte, 1000)
	}
	w.publish(messages...)
	s := w.openStream(func(r *pubsubpb.StreamingPullRequest) { r.MaxOutstandingBytes = 5000 })
	got := len(s.collect(4, patience))
	got += len(s.collect(50-got, quiet))
	switch {
	case got == 50:
		return "all 50,000 bytes come"
	case got >= 4 && got <= 6:
		return "about 5,000 bytes of 50,000 come"
	}
	return fmt.Sprint(got, " messages come")
}

func ping(w *world) string {
	w.setUp()
	s := w.openStream(func(r *pubsubpb.StreamingPullRequest) { r.ProtocolVersion = 1 })
	w.must(s.call.Send(&pubsubpb.StreamingPullRequest{}))
	if s.next(5*time.Second) == nil {
		return "not answered"
	}
	return "answered"
}

func subscriptionProperties(w *world) string {
	w.setUp(func(c *pubsubpb.Subscription) { c.EnableExactlyOnceDelivery, c.EnableMessageOrdering = true, true })
	w.publish(texts("x")...)
	s := w.openStream()
	properties := s.next(patience).GetSubscriptionProperties()
	return fmt.Sprintf("exactly-once %v, ordering %v", properties.GetExactlyOnceDeliveryEnabled(), properties.GetMessageOrderingEnabled())
}

// twoStreams publishes until both streams have received something: how soon that is depends on how often a server looks.
func twoStreams(w *world) string {
	w.setUp()
	streams := []*stream{w.openStream(), w.openStream()}
	seen, shares := map[string]int{}, [2]int{}
	look := func(within time.Duration) (none bool) {
		none = true
		for i, s := range streams {
			for _, m := range s.next(within).GetReceivedMessages() {
				none = false
				seen[m.GetMessage().GetMessageId()]++
				shares[i]++
			}
		}
		return none
	}
	published := 0
	for ctx := w.bounded(); ctx.Err() == nil && (published < 20 || shares[0] == 0 || shares[1] == 0); published++ {
		w.publish(texts("x")...)
		look(5 * time.Millisecond)
	}
	for !look(quiet) {
	}
	if len(seen) != published || shares[0]+shares[1] != published || shares[0] == 0 || shares[1] == 0 {
		return fmt.Sprintf("%d of %d messages, shares %v", len(seen), published, shares)
	}
	return "every message comes once, both get some"
}

func acksOnTheStream(w *world) string {
	w.setUp()
	w.publish(numbered(3, "")...)
	s := w.openStream(func(r *pubsubpb.StreamingPullRequest) { r.StreamAckDeadlineSeconds = 10 })
	w.must(s.call.Send(&pubsubpb.StreamingPullRequest{AckIds: ackIDs(s.collect(3, patience))}))
	if again := s.collect(1, 12*time.Second); len(again) > 0 {
		return "come again"
	}
	return "never come again"
}

func nackOnTheStream(w *world) string {
	w.setUp()
	w.publish(texts("x")...)
	s := w.openStream()
	w.must(s.call.Send(&pubsubpb.StreamingPullRequest{
		ModifyDeadlineAckIds: ackIDs(s.collect(1, patience)), ModifyDeadlineSeconds: []int32{0},
	}))
	begin := time.Now()
	s.collect(1, patience)
	return "the message comes again " + roughly(time.Since(begin))
}

func deletedUnderAStream(w *world) string {
	w.setUp()
	w.publish(texts("x")...)
	s := w.openStream()
	s.collect(1, patience)
	w.must(w.client.SubscriptionAdminClient.DeleteSubscription(w.bounded(), &pubsubpb.DeleteSubscriptionRequest{Subscription: w.sub}))
	return s.end()
}
