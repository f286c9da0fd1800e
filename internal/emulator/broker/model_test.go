package broker_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"

	"spillway/internal/emulator/broker"
)

// The model is the simplest subscription that does what the service documents: one slice, looked through for every question.
// Random operations go to both; after each step the levels are equal, and what the broker delivers is what the model allows.
type model struct {
	t        *testing.T
	w        *world
	rng      *rand.Rand
	config   *pubsubpb.Subscription
	messages []*modelMessage
	streams  []*modelStream
	dead     int64
	step     int
}

type modelMessage struct {
	text, key string
	id        uint64
	published time.Time
	state     string // waiting, leased, delayed, acked
	tries     int32
	until     time.Time // end of the lease or of the back-off
	holder    *modelStream
	ack       broker.AckID
	attempted bool // has ever been delivered
}

type modelStream struct {
	*broker.Stream
	limit int64
}

func (m *modelMessage) unacked() bool { return m.state != "acked" }

// settleTime lets leases end and messages age, oldest deadline first as the wheel does.
func (m *model) settleTime() {
	for {
		var first *modelMessage
		for _, msg := range m.messages {
			due := (msg.state == "leased" || msg.state == "delayed") && !msg.until.After(m.w.now)
			if due && (first == nil || msg.until.Before(first.until)) {
				first = msg
			}
		}
		if first == nil {
			break
		}
		if first.state == "delayed" {
			first.state = "waiting"
			continue
		}
		m.fail(first)
	}
	for _, msg := range m.messages {
		if msg.unacked() && !msg.published.Add(m.config.GetMessageRetentionDuration().AsDuration()).After(m.w.now) {
			msg.state = "acked"
		}
	}
}

// fail is a nack or an expiry.
func (m *model) fail(msg *modelMessage) {
	msg.tries++
	msg.state = "waiting"
	if m.config.GetEnableMessageOrdering() && msg.key != "" {
		for _, later := range m.messages {
			if later.key == msg.key && later.id > msg.id && later.state == "leased" {
				later.state = "waiting"
			}
		}
	}
	if d := m.config.GetDeadLetterPolicy(); d != nil && msg.tries >= d.GetMaxDeliveryAttempts() {
		msg.state = "acked"
		m.dead++
		return
	}
	if r := m.config.GetRetryPolicy(); r != nil {
		delay := r.GetMinimumBackoff().AsDuration()
		for range msg.tries - 1 {
			delay = min(2*delay, r.GetMaximumBackoff().AsDuration())
		}
		msg.state, msg.until = "delayed", m.w.now.Add(delay)
	}
}

// allowed says whether the message may be delivered to the stream now.
func (m *model) allowed(msg *modelMessage, st *modelStream) bool {
	if msg.state != "waiting" {
		return false
	}
	if !m.config.GetEnableMessageOrdering() || msg.key == "" {
		return true
	}
	for _, earlier := range m.messages {
		if earlier.key == msg.key && earlier.id < msg.id && earlier.unacked() && (earlier.state != "leased" || earlier.holder != st) {
			return false
		}
	}
	return true
}

func (m *model) outstanding(st *modelStream) (n int64) {
	for _, msg := range m.messages {
		if msg.state == "leased" && (st == nil || msg.holder == st) {
			n++
		}
	}
	return n
}

func (m *model) publish() {
	key := ""
	if m.rng.IntN(2) == 0 {
		key = string(rune('a' + m.rng.IntN(3)))
	}
	for range 1 + m.rng.IntN(4) {
		text := fmt.Sprintf("%s:%d", key, len(m.messages))
		data := &pubsubpb.PubsubMessage{Data: []byte(text), OrderingKey: key}
		m.w.publishMessage(topicName, data)
		m.messages = append(m.messages, &modelMessage{text: text, key: key, id: uint64(len(m.messages)), published: m.w.now, state: "waiting"})
	}
}

func (m *model) deliver() {
	st := m.pick()
	if st == nil {
		return
	}
	before := m.outstanding(st)
	got := st.Next(nil, 1+m.rng.IntN(5), 1<<20)
	for i, text := range texts(m.t, got) {
		msg := m.find(text)
		if !m.allowed(msg, st) {
			m.t.Fatalf("step %d: %s was delivered in state %s", m.step, text, msg.state)
		}
		if want := msg.tries + 1; m.config.GetDeadLetterPolicy() != nil && got[i].Attempt != want {
			m.t.Fatalf("step %d: %s attempt %d, want %d", m.step, text, got[i].Attempt, want)
		}
		msg.state, msg.holder, msg.ack, msg.attempted = "leased", st, got[i].AckID, true
		msg.until = m.w.now.Add(10 * time.Second)
	}
	if st.limit > 0 && m.outstanding(st) > st.limit {
		m.t.Fatalf("step %d: %d outstanding beyond %d", m.step, m.outstanding(st), st.limit)
	}
	if len(got) == 0 && (st.limit <= 0 || before < st.limit) {
		for _, msg := range m.messages {
			if m.allowed(msg, st) {
				m.t.Fatalf("step %d: nothing was delivered although %s waits", m.step, msg.text)
			}
		}
	}
}

func (m *model) find(text string) *modelMessage {
	for _, msg := range m.messages {
		if msg.text == text {
			return msg
		}
	}
	m.t.Fatalf("unknown message %s", text)
	return nil
}

func (m *model) pick() *modelStream {
	if len(m.streams) == 0 {
		return nil
	}
	return m.streams[m.rng.IntN(len(m.streams))]
}

// delivered picks a message that has an ack id, current or not.
func (m *model) delivered() *modelMessage {
	for range 20 {
		if len(m.messages) == 0 {
			return nil
		}
		if msg := m.messages[m.rng.IntN(len(m.messages))]; msg.attempted {
			return msg
		}
	}
	return nil
}

func (m *model) acknowledge() {
	msg := m.delivered()
	if msg == nil {
		return
	}
	failed, err := m.w.sub.Acknowledge([]broker.AckID{msg.ack})
	if err != nil {
		m.t.Fatal(err)
	}
	current := msg.state == "leased"
	if current && m.config.GetEnableExactlyOnceDelivery() && m.config.GetEnableMessageOrdering() && msg.key != "" {
		for _, earlier := range m.messages {
			if earlier.key == msg.key && earlier.id < msg.id && earlier.unacked() {
				current = false
			}
		}
	}
	if current == (len(failed) > 0) {
		m.t.Fatalf("step %d: ack of %s in state %s failed: %v", m.step, msg.text, msg.state, failed)
	}
	if msg.unacked() && (current || !m.config.GetEnableExactlyOnceDelivery()) {
		msg.state = "acked"
	}
}

func (m *model) modify() {
	msg := m.delivered()
	if msg == nil {
		return
	}
	deadline := time.Duration(m.rng.IntN(3)) * 10 * time.Second
	failed := m.w.modify(deadline, broker.Delivery{AckID: msg.ack})
	if (msg.state == "leased") == (len(failed) > 0) {
		m.t.Fatalf("step %d: modack of %s in state %s failed: %v", m.step, msg.text, msg.state, failed)
	}
	if msg.state != "leased" {
		return
	}
	if deadline == 0 {
		m.fail(msg)
		return
	}
	msg.until = m.w.now.Add(deadline)
}

func (m *model) seek() {
	to := m.w.now.Add(-time.Duration(m.rng.IntN(30)) * time.Second)
	if err := m.w.sub.Seek(to); err != nil {
		m.t.Fatal(err)
	}
	for _, msg := range m.messages {
		kept := msg.unacked() || m.config.GetRetainAckedMessages() &&
			msg.published.Add(m.config.GetMessageRetentionDuration().AsDuration()).After(m.w.now)
		msg.state = "acked"
		if kept && !msg.published.Before(to) {
			msg.state = "waiting"
		}
	}
}

func (m *model) changeStreams() {
	if st := m.pick(); st != nil && m.rng.IntN(2) == 0 {
		st.Close()
		for i, other := range m.streams {
			if other == st {
				m.streams = append(m.streams[:i], m.streams[i+1:]...)
				break
			}
		}
		return
	}
	limit := int64(m.rng.IntN(4))
	m.streams = append(m.streams, &modelStream{Stream: m.w.open(broker.Limits{Messages: limit}), limit: limit})
}

func (m *model) check() {
	var backlog, bytes int64
	var oldest time.Time
	for _, msg := range m.messages {
		if !msg.unacked() {
			continue
		}
		if backlog == 0 {
			oldest = msg.published
		}
		backlog++
		bytes += int64(len(msg.text) + len(msg.key))
	}
	s := m.w.sub.State()
	if s.Undelivered != backlog || s.Bytes != bytes || !s.Oldest.Equal(oldest) ||
		s.Outstanding[broker.Pull] != m.outstanding(nil) || s.DeadLettered != m.dead {
		m.t.Fatalf("step %d: broker has %+v, the model %d messages, %d bytes, oldest %v, %d outstanding, %d dead-lettered",
			m.step, s, backlog, bytes, oldest, m.outstanding(nil), m.dead)
	}
}

func TestModel(t *testing.T) {
	configs := map[string][]func(*pubsubpb.Subscription){
		"plain":                   nil,
		"ordered":                 {ordered},
		"exactly once":            {exactlyOnce},
		"ordered exactly once":    {ordered, exactlyOnce},
		"retry":                   {retry(time.Second, 7*time.Second)},
		"ordered retry":           {ordered, retry(time.Second, 7*time.Second)},
		"retained":                {retain, retention(10 * time.Minute)},
		"ordered retained retry":  {ordered, retain, retry(3*time.Second, 5*time.Second), retention(10 * time.Minute)},
		"everything with dead...": {ordered, retain, exactlyOnce, retry(time.Second, 3*time.Second), deadLetters},
		"dead letters":            {deadLetters},
	}
	for name, edits := range configs {
		for seed := range uint64(12) {
			t.Run(fmt.Sprintf("%s/%d", name, seed), func(t *testing.T) { runModel(t, seed, edits) })
		}
	}
}

func deadLetters(c *pubsubpb.Subscription) {
	c.DeadLetterPolicy = &pubsubpb.DeadLetterPolicy{DeadLetterTopic: topicName + "-dead", MaxDeliveryAttempts: 5}
}

func runModel(t *testing.T, seed uint64, edits []func(*pubsubpb.Subscription)) {
	t.Helper()
	w := newWorld(t)
	must(w.CreateTopic(&pubsubpb.Topic{Name: topicName + "-dead"}))(t)
	config := &pubsubpb.Subscription{Name: subName + "-model", Topic: topicName}
	for _, edit := range edits {
		edit(config)
	}
	w.sub = must(w.CreateSubscription(config))(t)
	m := &model{t: t, w: w, rng: rand.New(rand.NewPCG(seed, 1)), config: w.sub.Config()}
	for m.step = range 1500 {
		switch n := m.rng.IntN(100); {
		case n < 12:
			m.publish()
		case n < 45:
			m.deliver()
		case n < 75:
			m.acknowledge()
		case n < 87:
			m.modify()
		case n < 94:
			w.pass(time.Duration(m.rng.IntN(500)) * 10 * time.Millisecond)
			m.settleTime()
		case n < 95:
			w.pass(time.Duration(m.rng.IntN(300)) * time.Second)
			m.settleTime()
		case n < 99:
			m.changeStreams()
		default:
			m.seek()
		}
		m.check()
	}
}
