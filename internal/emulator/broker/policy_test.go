package broker_test

import (
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/durationpb"

	"spillway/internal/emulator/broker"
	"spillway/internal/emulator/wire"
)

func ordered(c *pubsubpb.Subscription)     { c.EnableMessageOrdering = true }
func exactlyOnce(c *pubsubpb.Subscription) { c.EnableExactlyOnceDelivery = true }
func retain(c *pubsubpb.Subscription)      { c.RetainAckedMessages = true }

func retention(d time.Duration) func(*pubsubpb.Subscription) {
	return func(c *pubsubpb.Subscription) { c.MessageRetentionDuration = durationpb.New(d) }
}

func retry(minimum, maximum time.Duration) func(*pubsubpb.Subscription) {
	return func(c *pubsubpb.Subscription) {
		c.RetryPolicy = &pubsubpb.RetryPolicy{MinimumBackoff: durationpb.New(minimum), MaximumBackoff: durationpb.New(maximum)}
	}
}

func TestRetryPolicyDoublesTheDelayUpToItsMaximum(t *testing.T) {
	w := newWorld(t, retry(10*time.Second, 60*time.Second))
	w.publish("a")
	st := w.open(broker.Limits{})
	for _, seconds := range []int{10, 20, 40, 60, 60} {
		delay := time.Duration(seconds) * time.Second
		m := drain(st)
		expectTexts(t, m, "a")
		w.nack(m...)
		w.pass(delay - 10*time.Millisecond)
		if len(drain(st)) != 0 {
			t.Fatalf("redelivered before %v", delay)
		}
		w.expectBacklog(1)
		w.pass(10 * time.Millisecond)
	}
	expectTexts(t, drain(st), "a")
}

func TestAnExpiryBacksOffAsANackDoes(t *testing.T) {
	w := newWorld(t, retry(10*time.Second, 60*time.Second))
	w.publish("a")
	st := w.open(broker.Limits{})
	drain(st)
	w.pass(10 * time.Second)
	w.expectBacklog(1) // lets the lease expire now
	w.pass(9 * time.Second)
	if len(drain(st)) != 0 {
		t.Fatal("redelivered without back-off")
	}
	w.pass(time.Second)
	expectTexts(t, drain(st), "a")
}

// withDeadLetters makes the dead-letter topic with a subscription that watches it.
func withDeadLetters(t *testing.T, edits ...func(*pubsubpb.Subscription)) (*world, *broker.Subscription) {
	t.Helper()
	w := newWorld(t, edits...)
	must(w.CreateTopic(&pubsubpb.Topic{Name: deadName}))(t)
	dead := must(w.CreateSubscription(&pubsubpb.Subscription{Name: "projects/p/subscriptions/dead", Topic: deadName}))(t)
	must(w.UpdateSubscription(subName, func(c *pubsubpb.Subscription) error {
		c.DeadLetterPolicy = &pubsubpb.DeadLetterPolicy{DeadLetterTopic: deadName, MaxDeliveryAttempts: 5}
		return nil
	}))(t)
	return w, dead
}

func TestDeadLetterAfterTheLastAttemptWithWhereItCameFrom(t *testing.T) {
	w, dead := withDeadLetters(t)
	published := w.now
	w.publishMessage(topicName, &pubsubpb.PubsubMessage{Data: []byte("a"), Attributes: map[string]string{"own": "1"}})
	st := w.open(broker.Limits{})
	for attempt := int32(1); attempt <= 5; attempt++ {
		m := drain(st)
		if len(m) != 1 || m[0].Attempt != attempt {
			t.Fatalf("attempt %d: %+v", attempt, m)
		}
		if attempt%2 == 0 {
			w.pass(10 * time.Second)
			continue
		}
		w.nack(m...)
	}
	w.expectBacklog(0)
	watch := must(dead.Open(broker.Pull, broker.Limits{}, 0))(t)
	m := drain(watch)
	if len(m) != 1 || m[0].Attempt != 0 {
		t.Fatalf("dead letters: %+v", m)
	}
	want := map[string]string{
		"own": "1",
		"CloudPubSubDeadLetterSourceDeliveryCount":       "5",
		"CloudPubSubDeadLetterSourceSubscription":        "billing",
		"CloudPubSubDeadLetterSourceSubscriptionProject": "p",
		"CloudPubSubDeadLetterSourceTopicPublishTime":    published.UTC().Format(time.RFC3339Nano),
	}
	if diff := cmp.Diff(want, wire.Attributes(m[0].Body)); diff != "" {
		t.Error(diff)
	}
	if s := w.sub.State(); s.DeadLettered != 1 || s.Nacks != 3 || s.Expired != 2 {
		t.Errorf("state %+v", s)
	}
}

func TestWithoutItsDeadLetterTopicAMessageStays(t *testing.T) {
	w, _ := withDeadLetters(t)
	if err := w.DeleteTopic(deadName); err != nil {
		t.Fatal(err)
	}
	w.publish("a")
	st := w.open(broker.Limits{})
	for range 7 {
		w.nack(drain(st)...)
	}
	w.expectBacklog(1)
}

func TestOrderingDeliversAKeyToOneStreamInOrder(t *testing.T) {
	w := newWorld(t, ordered)
	a, b := w.open(broker.Limits{Messages: 2}), w.open(broker.Limits{})
	w.publish("k:1", "k:2", "k:3", "plain")
	first := a.Next(nil, 1, 1<<20)
	for texts(t, first)[0] == "plain" { // whichever place is looked at first
		first = a.Next(nil, 1, 1<<20)
	}
	expectTexts(t, first, "k:1")
	for _, m := range drain(b) {
		if got := texts(t, []broker.Delivery{m})[0]; got != "plain" {
			t.Fatalf("a second stream got %s while the first holds k:1", got)
		}
	}
	w.ack(first...)
	got := append(drain(b), drain(a)...)
	if all := strings.Join(texts(t, got), " "); !strings.Contains(all, "k:2 k:3") {
		t.Fatalf("after the ack: %s", all)
	}
}

func TestANackRedeliversTheKeysLaterMessagesToo(t *testing.T) {
	w := newWorld(t, ordered)
	st := w.open(broker.Limits{})
	w.publish("k:1", "k:2", "k:3", "j:1")
	m := drain(st)
	if len(m) != 4 {
		t.Fatalf("%d messages", len(m))
	}
	named := byText(t, m)
	w.ack(named["k:1"])
	w.nack(named["k:2"])
	expectTexts(t, drain(st), "k:2", "k:3")
	if s := w.sub.State(); s.Nacks != 1 || s.Outstanding[broker.Pull] != 3 {
		t.Errorf("state %+v", s)
	}
}

func TestAnExpiryRedeliversTheKeysLaterMessagesToo(t *testing.T) {
	w := newWorld(t, ordered)
	st := w.open(broker.Limits{})
	w.publish("k:1", "k:2", "k:3")
	m := drain(st)
	w.modify(60*time.Second, m[1:]...)
	w.pass(10 * time.Second)
	expectTexts(t, drain(st), "k:1", "k:2", "k:3")
}

func TestARetryBackoffBlocksItsKeyAndNoOther(t *testing.T) {
	w := newWorld(t, ordered, retry(10*time.Second, 10*time.Second))
	st := w.open(broker.Limits{})
	w.publish("k:1", "k:2", "j:1")
	w.nack(byText(t, drain(st))["k:1"])
	w.publish("k:3", "j:2")
	expectTexts(t, drain(st), "j:2")
	w.pass(10 * time.Second)
	expectTexts(t, drain(st), "k:1", "k:2", "k:3")
}

func byText(t *testing.T, messages []broker.Delivery) map[string]broker.Delivery {
	t.Helper()
	named := map[string]broker.Delivery{}
	for i, text := range texts(t, messages) {
		named[text] = messages[i]
	}
	return named
}

func TestAKeyMovesOnWhenItsStreamIsGone(t *testing.T) {
	w := newWorld(t, ordered)
	a := w.open(broker.Limits{Messages: 1})
	w.publish("k:1", "k:2")
	held := drain(a)
	a.Close()
	b := w.open(broker.Limits{})
	if len(drain(b)) != 0 {
		t.Fatal("k:2 was delivered while k:1 is held")
	}
	w.ack(held...)
	select {
	case <-b.Wake():
	default:
		t.Fatal("nothing woke the other stream")
	}
	expectTexts(t, drain(b), "k:2")
}

func TestAPushedKeyHasOneMessageOnItsWay(t *testing.T) {
	w := newWorld(t, ordered)
	st := must(w.sub.Open(broker.Push, broker.Limits{}, 0))(t)
	w.publish("k:1", "k:2", "j:1")
	m := byText(t, drain(st))
	if _, ok := m["k:2"]; ok || len(m) != 2 {
		t.Fatalf("on their way: %d messages", len(m))
	}
	w.ack(m["k:1"])
	expectTexts(t, drain(st), "k:2")
	if s := w.sub.State(); s.Acked[broker.Push] != 1 || s.Outstanding[broker.Push] != 2 {
		t.Errorf("state %+v", s)
	}
}

func TestExactlyOnceRefusesStaleAckIDs(t *testing.T) {
	w := newWorld(t, exactlyOnce)
	w.publish("a", "b")
	st := w.open(broker.Limits{})
	m := drain(st)
	if failed := w.ack(m[0]); failed != nil {
		t.Fatalf("a first ack failed: %v", failed)
	}
	if diff := cmp.Diff([]broker.Failure{{Index: 0}}, w.ack(m[0])); diff != "" {
		t.Fatal(diff)
	}
	w.pass(10 * time.Second)
	if diff := cmp.Diff([]broker.Failure{{Index: 0}, {Index: 1}}, w.ack(m...)); diff != "" {
		t.Fatal(diff)
	}
	w.expectBacklog(1)
	if failed := w.modify(time.Minute, m[1]); len(failed) != 1 {
		t.Fatal("a stale id was extended")
	}
}

func TestExactlyOnceWithOrderingAcksInOrder(t *testing.T) {
	w := newWorld(t, exactlyOnce, ordered)
	w.publish("k:1", "k:2")
	m := drain(w.open(broker.Limits{}))
	if diff := cmp.Diff([]broker.Failure{{Index: 0, Transient: true}}, w.ack(m[1])); diff != "" {
		t.Fatal(diff)
	}
	if failed := w.ack(m...); failed != nil {
		t.Fatalf("acks in order failed: %v", failed)
	}
}

func TestFilterKeepsOthersOut(t *testing.T) {
	w := newWorld(t, func(c *pubsubpb.Subscription) { c.Filter = `attributes.kind = "order"` })
	for _, kind := range []string{"order", "refund", "order"} {
		w.publishMessage(topicName, &pubsubpb.PubsubMessage{Data: []byte(kind), Attributes: map[string]string{"kind": kind}})
	}
	w.publish("none")
	w.expectBacklog(2)
	expectTexts(t, drain(w.open(broker.Limits{})), "order", "order")
}

func TestUnacknowledgedMessagesOutliveNoRetention(t *testing.T) {
	w := newWorld(t, retention(10*time.Minute))
	w.publish("a")
	w.pass(5 * time.Minute)
	w.publish("b")
	st := w.open(broker.Limits{})
	w.pass(5*time.Minute - time.Nanosecond)
	w.expectBacklog(2)
	w.pass(time.Nanosecond)
	w.expectBacklog(1)
	expectTexts(t, drain(st), "b")
	w.pass(5 * time.Minute)
	w.expectBacklog(0)
	if s := w.sub.State(); s.Outstanding[broker.Pull] != 0 || s.Acked[broker.Pull] != 0 {
		t.Errorf("state %+v", s)
	}
}

func TestSeekForwardAcknowledges(t *testing.T) {
	w := newWorld(t)
	w.publish("a")
	w.pass(time.Second)
	w.publish("b")
	st := w.open(broker.Limits{})
	m := drain(st)
	if err := w.sub.Seek(w.now); err != nil {
		t.Fatal(err)
	}
	w.expectBacklog(1)
	expectTexts(t, drain(st), "b")
	w.ack(m[0])
	w.expectBacklog(1)
	if s := w.sub.State(); s.Seeks != 1 || !s.Oldest.Equal(w.now) {
		t.Errorf("state %+v", s)
	}
}

func TestSeekBackReplaysWhatIsRetained(t *testing.T) {
	w := newWorld(t, retain, ordered)
	w.publish("a", "k:1")
	w.pass(time.Second)
	from := w.now
	w.publish("b", "k:2", "k:3")
	st := w.open(broker.Limits{})
	w.ack(drain(st)...)
	w.expectBacklog(0)
	if err := w.sub.Seek(from); err != nil {
		t.Fatal(err)
	}
	w.expectBacklog(3)
	if got := strings.Join(texts(t, drain(st)), " "); !strings.Contains(got, "k:2 k:3") || !strings.Contains(got, "b") {
		t.Fatalf("replayed %q", got)
	}
}

func TestSeekBackWithoutRetentionFindsNothing(t *testing.T) {
	w := newWorld(t)
	w.publish("a")
	w.ack(drain(w.open(broker.Limits{}))...)
	if err := w.sub.Seek(w.now.Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	w.expectBacklog(0)
}

func TestATopicsRetentionKeepsAckedMessagesForASeek(t *testing.T) {
	w := newWorld(t)
	must(w.UpdateTopic(topicName, func(c *pubsubpb.Topic) error {
		c.MessageRetentionDuration = durationpb.New(10 * time.Minute)
		return nil
	}))(t)
	start := w.now
	w.publish("a")
	w.ack(drain(w.open(broker.Limits{}))...)
	w.pass(9 * time.Minute)
	if err := w.sub.Seek(start); err != nil {
		t.Fatal(err)
	}
	w.expectBacklog(1)
	w.ack(drain(w.open(broker.Limits{}))...)
	w.pass(2 * time.Minute)
	if err := w.sub.Seek(start); err != nil {
		t.Fatal(err)
	}
	w.expectBacklog(0)
}

func TestATopicsRetentionKeepsUnacknowledgedMessagesToo(t *testing.T) {
	w := newWorld(t, retention(10*time.Minute))
	retainFor := func(d *durationpb.Duration) {
		t.Helper()
		must(w.UpdateTopic(topicName, func(c *pubsubpb.Topic) error { c.MessageRetentionDuration = d; return nil }))(t)
	}
	retainFor(durationpb.New(30 * time.Minute))
	w.publish("a")
	w.pass(30*time.Minute - time.Nanosecond)
	w.expectBacklog(1)
	w.pass(time.Nanosecond)
	w.expectBacklog(0)

	w.publish("b")
	w.pass(10 * time.Minute)
	w.expectBacklog(1)
	retainFor(nil)
	w.expectBacklog(0)
}

func TestDetachDropsTheBacklogAndEndsStreams(t *testing.T) {
	w := newWorld(t)
	w.publish("a")
	st := w.open(broker.Limits{})
	if err := w.DetachSubscription(subName); err != nil {
		t.Fatal(err)
	}
	<-st.Done()
	expectCode(t, st.Err(), codes.FailedPrecondition)
	w.publish("b")
	w.expectBacklog(0)
	_, err := w.sub.Open(broker.Pull, broker.Limits{}, 0)
	expectCode(t, err, codes.FailedPrecondition)
	if !w.sub.Config().GetDetached() {
		t.Error("the configuration does not say so")
	}
}
