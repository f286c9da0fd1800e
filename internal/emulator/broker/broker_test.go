package broker_test

import (
	"fmt"
	"testing"
	"time"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"spillway/internal/emulator/broker"
	"spillway/internal/emulator/wire"
)

const (
	topicName = "projects/p/topics/orders"
	subName   = "projects/p/subscriptions/billing"
	deadName  = "projects/p/topics/dead"
)

// world is a broker on a clock that moves only when told to.
type world struct {
	t   testing.TB
	now time.Time
	*broker.Broker
	topic *broker.Topic
	sub   *broker.Subscription
}

// newWorld has one topic with one subscription, configured by edits.
func newWorld(t testing.TB, edits ...func(*pubsubpb.Subscription)) *world {
	t.Helper()
	w := &world{t: t, now: time.Unix(1_800_000_000, 0)}
	w.Broker = broker.New(func() time.Time { return w.now })
	w.topic = must(w.CreateTopic(&pubsubpb.Topic{Name: topicName}))(t)
	config := &pubsubpb.Subscription{Name: subName, Topic: topicName}
	for _, edit := range edits {
		edit(config)
	}
	w.sub = must(w.CreateSubscription(config))(t)
	return w
}

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func (w *world) pass(d time.Duration) { w.now = w.now.Add(d) }

// publish publishes one message for each text; "key:text" gives it an ordering key.
func (w *world) publish(texts ...string) {
	w.t.Helper()
	for _, text := range texts {
		m := &pubsubpb.PubsubMessage{Data: []byte(text)}
		for i := range text {
			if text[i] == ':' {
				m.OrderingKey = text[:i]
			}
		}
		w.publishMessage(topicName, m)
	}
}

func (w *world) publishMessage(topic string, m *pubsubpb.PubsubMessage) {
	w.t.Helper()
	must(w.Publish(topic, []wire.Message{parse(w.t, m)}))(w.t)
}

func parse(t testing.TB, m *pubsubpb.PubsubMessage) wire.Message {
	t.Helper()
	return must(wire.ParseMessage(must(proto.Marshal(m))(t)))(t)
}

func (w *world) open(limits broker.Limits) *broker.Stream {
	w.t.Helper()
	return must(w.sub.Open(broker.Pull, limits, 0))(w.t)
}

// texts are the payloads of what a stream gives now.
func texts(t testing.TB, messages []broker.Delivery) []string {
	t.Helper()
	list := []string{}
	for _, m := range messages {
		var decoded pubsubpb.PubsubMessage
		if err := proto.Unmarshal(m.Body, &decoded); err != nil {
			t.Fatal(err)
		}
		list = append(list, string(decoded.GetData()))
	}
	return list
}

func drain(st *broker.Stream) []broker.Delivery {
	var all []broker.Delivery
	for {
		got := st.Next(nil, 1000, 1<<30)
		if len(got) == 0 {
			return all
		}
		all = append(all, got...)
	}
}

func ids(messages []broker.Delivery) []broker.AckID {
	list := make([]broker.AckID, len(messages))
	for i, m := range messages {
		list[i] = m.AckID
	}
	return list
}

func (w *world) nack(messages ...broker.Delivery) {
	w.t.Helper()
	w.modify(0, messages...)
}

func (w *world) modify(d time.Duration, messages ...broker.Delivery) []broker.Failure {
	w.t.Helper()
	changes := make([]broker.Change, len(messages))
	for i, m := range messages {
		changes[i] = broker.Change{ID: m.AckID, Deadline: d}
	}
	return must(w.sub.ModifyAckDeadline(changes))(w.t)
}

func (w *world) ack(messages ...broker.Delivery) []broker.Failure {
	w.t.Helper()
	return must(w.sub.Acknowledge(ids(messages)))(w.t)
}

func expectTexts(t *testing.T, messages []broker.Delivery, want ...string) {
	t.Helper()
	if got := texts(t, messages); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Fatalf("got %v, want %v", got, want)
	}
}

func (w *world) expectBacklog(want int64) {
	w.t.Helper()
	if got := w.sub.State().Undelivered; got != want {
		w.t.Fatalf("backlog %d, want %d", got, want)
	}
}

func expectCode(t *testing.T, err error, want codes.Code) {
	t.Helper()
	if status.Code(err) != want {
		t.Fatalf("got %v, want code %s", err, want)
	}
}

func TestMessagesAreDeliveredInPublishOrderAndGoneWhenAcked(t *testing.T) {
	w := newWorld(t)
	w.publish("a", "b", "c")
	st := w.open(broker.Limits{})
	messages := drain(st)
	expectTexts(t, messages, "a", "b", "c")
	w.expectBacklog(3)
	w.ack(messages[:2]...)
	w.expectBacklog(1)
	w.ack(messages...)
	w.expectBacklog(0)
	if more := drain(st); len(more) != 0 {
		t.Fatalf("%d messages again", len(more))
	}
	s := w.sub.State()
	if s.Sent[broker.Pull] != 3 || s.Acked[broker.Pull] != 3 || s.Bytes != 0 || !s.Oldest.IsZero() {
		t.Fatalf("state %+v", s)
	}
}

func TestADeadlineThatPassesRedelivers(t *testing.T) {
	w := newWorld(t)
	w.publish("a")
	st := w.open(broker.Limits{})
	first := drain(st)
	w.pass(10*time.Second - time.Millisecond)
	if len(drain(st)) != 0 {
		t.Fatal("redelivered before the deadline")
	}
	w.pass(15 * time.Millisecond)
	second := drain(st)
	expectTexts(t, second, "a")
	if s := w.sub.State(); s.Expired != 1 || s.Outstanding[broker.Pull] != 1 {
		t.Fatalf("state %+v", s)
	}
	if failed := w.ack(first...); len(failed) != 1 {
		t.Fatal("the old ack id still counts as current")
	}
	w.expectBacklog(0) // a late ack settles its message all the same
}

func TestModifyAckDeadlineMovesTheDeadlineFromNow(t *testing.T) {
	w := newWorld(t)
	w.publish("a")
	st := w.open(broker.Limits{})
	m := drain(st)
	w.pass(9 * time.Second)
	w.modify(20*time.Second, m...)
	w.pass(19 * time.Second)
	if len(drain(st)) != 0 {
		t.Fatal("redelivered although the deadline was extended")
	}
	w.pass(1100 * time.Millisecond)
	expectTexts(t, drain(st), "a")
}

func TestANackRedeliversAtOnce(t *testing.T) {
	w := newWorld(t)
	w.publish("a", "b")
	st := w.open(broker.Limits{})
	m := drain(st)
	w.nack(m[0])
	expectTexts(t, drain(st), "a")
	if s := w.sub.State(); s.Nacks != 1 || s.Undelivered != 2 || s.Outstanding[broker.Pull] != 2 {
		t.Fatalf("state %+v", s)
	}
}

func TestNackedMessagesDoNotStarveNewOnes(t *testing.T) {
	w := newWorld(t)
	for range 50 {
		w.publish("poison")
	}
	st := w.open(broker.Limits{Messages: 10})
	w.publish("fresh")
	for range 40 {
		for _, m := range st.Next(nil, 10, 1<<20) {
			if texts(t, []broker.Delivery{m})[0] == "fresh" {
				return
			}
			w.nack(m)
		}
	}
	t.Fatal("the new message was never delivered")
}

func TestFlowControlCountsWhatIsOutstanding(t *testing.T) {
	w := newWorld(t)
	for range 25 {
		w.publish("0123456789")
	}
	st := w.open(broker.Limits{Messages: 10})
	m := drain(st)
	if len(m) != 10 {
		t.Fatalf("%d messages, want 10", len(m))
	}
	w.ack(m[:3]...)
	if again := drain(st); len(again) != 3 {
		t.Fatalf("%d messages after 3 acks", len(again))
	}
	w.nack(m[3])
	if again := drain(st); len(again) != 1 {
		t.Fatalf("%d messages after a nack", len(again))
	}
	w.pass(11 * time.Second)
	if again := drain(st); len(again) != 10 {
		t.Fatalf("%d messages after all deadlines have passed", len(again))
	}
}

func TestFlowControlOnBytesStopsAtTheLimitAndLetsALargerMessagePass(t *testing.T) {
	w := newWorld(t)
	for range 5 {
		w.publish("0123456789")
	}
	for limit, want := range map[int64]int{1: 1, 10: 1, 11: 2, 30: 3, 0: 5} {
		st := w.open(broker.Limits{Bytes: limit})
		m := drain(st)
		if len(m) != want {
			t.Errorf("limit %d: %d messages, want %d", limit, len(m), want)
		}
		w.nack(m...)
		st.Close()
	}
}

func TestStreamsShareWhatWaits(t *testing.T) {
	w := newWorld(t)
	a, b, c := w.open(broker.Limits{}), w.open(broker.Limits{}), w.open(broker.Limits{Messages: 1})
	for range 30 {
		w.publish("x")
	}
	if n := len(a.Next(nil, 1000, 1<<20)); n != 10 {
		t.Fatalf("the first of three streams got %d of 30", n)
	}
	if n := len(c.Next(nil, 1000, 1<<20)); n != 1 {
		t.Fatalf("the limited stream got %d", n)
	}
	if n := len(b.Next(nil, 1000, 1<<20)); n != 10 {
		t.Fatalf("the second hungry stream got %d of 19", n)
	}
	a.Close()
	if n := len(drain(b)); n != 9 {
		t.Fatalf("the last stream got %d of 9", n)
	}
}

func TestEachPublishWakesAnotherStream(t *testing.T) {
	w := newWorld(t)
	streams := []*broker.Stream{w.open(broker.Limits{}), w.open(broker.Limits{}), w.open(broker.Limits{}), w.open(broker.Limits{})}
	counts := make([]int, len(streams))
	for range 40 {
		w.publish("x")
		for i, st := range streams {
			select {
			case <-st.Wake():
				counts[i] += len(drain(st))
			default:
			}
		}
	}
	for i, n := range counts {
		if n != 10 {
			t.Errorf("stream %d of 4 got %d of 40 messages", i, n)
		}
	}
}

func TestACloseLeavesLeasesRunning(t *testing.T) {
	w := newWorld(t)
	w.publish("a")
	st := w.open(broker.Limits{})
	m := drain(st)
	st.Close()
	other := w.open(broker.Limits{})
	if len(drain(other)) != 0 {
		t.Fatal("delivered while the closed stream's lease runs")
	}
	w.pass(11 * time.Second)
	expectTexts(t, drain(other), "a")
	w.ack(m...)
	w.expectBacklog(0)
}

func TestAStreamsOwnDeadlineReplacesTheSubscriptions(t *testing.T) {
	w := newWorld(t)
	w.publish("a", "b")
	st := must(w.sub.Open(broker.Pull, broker.Limits{Messages: 1}, 30*time.Second))(t)
	m := drain(st)
	w.pass(29 * time.Second)
	st.SetDeadline(60 * time.Second)
	w.ack(m...)
	expectTexts(t, drain(st), "b")
	w.pass(59 * time.Second)
	if len(drain(st)) != 0 {
		t.Fatal("the new deadline is not in force")
	}
}

func TestDeleteEndsStreamsWithNotFound(t *testing.T) {
	w := newWorld(t)
	w.publish("a")
	st := w.open(broker.Limits{})
	drain(st)
	if err := w.DeleteSubscription(subName); err != nil {
		t.Fatal(err)
	}
	<-st.Done()
	expectCode(t, st.Err(), codes.NotFound)
	_, err := w.sub.Acknowledge(nil)
	expectCode(t, err, codes.NotFound)
	_, err = w.Subscription(subName)
	expectCode(t, err, codes.NotFound)
	st.Close()
}

func TestADeletedTopicLeavesTheBacklog(t *testing.T) {
	w := newWorld(t)
	w.publish("a")
	if err := w.DeleteTopic(topicName); err != nil {
		t.Fatal(err)
	}
	if got := w.sub.Config().GetTopic(); got != broker.DeletedTopic {
		t.Errorf("topic %q", got)
	}
	expectTexts(t, drain(w.open(broker.Limits{})), "a")
	_, err := w.Publish(topicName, []wire.Message{{DataSize: 1, Size: 1}})
	expectCode(t, err, codes.NotFound)
}

func TestOldestFollowsTheBacklog(t *testing.T) {
	w := newWorld(t)
	start := w.now
	st := w.open(broker.Limits{})
	for range 300 {
		w.publish("x")
		w.pass(time.Second / 100)
	}
	m := drain(st)
	w.ack(m[1:200]...)
	if got := w.sub.State().Oldest; !got.Equal(start) {
		t.Fatalf("oldest %v, want %v", got, start)
	}
	w.ack(m[0])
	if got := w.sub.State().Oldest; !got.Equal(start.Add(2 * time.Second)) {
		t.Fatalf("oldest %v, want 2 s after %v", got, start)
	}
}
