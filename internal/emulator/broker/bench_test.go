package broker_test

import (
	"fmt"
	"testing"
	"time"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"

	"spillway/internal/emulator/broker"
	"spillway/internal/emulator/wire"
)

// backlogs are the sizes at which a message has to cost the same.
func backlogs() []int { return []int{1_000, 100_000, 1_000_000} }

// stock makes a subscription with n messages waiting, in 1000 ordering keys.
func stock(b *testing.B, n int, edits ...func(*pubsubpb.Subscription)) *world {
	b.Helper()
	w := newWorld(b, edits...)
	w.restock(n)
	return w
}

func (w *world) restock(n int) {
	w.t.Helper()
	for i := 0; i < n; i += 100 {
		m := parse(w.t, &pubsubpb.PubsubMessage{Data: make([]byte, 100), OrderingKey: fmt.Sprint(i / 100 % 1000)})
		batch := make([]wire.Message, min(100, n-i))
		for j := range batch {
			batch[j] = m
		}
		must(w.Publish(topicName, batch))(w.t)
	}
}

// BenchmarkDeliver delivers and settles messages while the backlog stays at its size: what is settled is published anew.
func BenchmarkDeliver(b *testing.B) {
	settle := map[string]func(*world, []broker.Delivery){
		"ack":  func(w *world, m []broker.Delivery) { w.ack(m...); w.restock(len(m)) },
		"nack": func(w *world, m []broker.Delivery) { w.nack(m...) },
		"expiry": func(w *world, _ []broker.Delivery) {
			w.pass(11 * time.Second)
			w.sub.Tick()
		},
	}
	configs := map[string][]func(*pubsubpb.Subscription){
		"plain": nil, "ordered": {ordered}, "retry": {retry(time.Second, time.Second)},
	}
	for _, config := range []string{"plain", "ordered", "retry"} {
		for _, way := range []string{"ack", "nack", "expiry"} {
			for _, n := range backlogs() {
				b.Run(fmt.Sprintf("%s/%s/waiting=%d", config, way, n), func(b *testing.B) {
					w := stock(b, n, configs[config]...)
					st := w.open(broker.Limits{})
					messages := make([]broker.Delivery, 0, 100)
					b.ResetTimer()
					for done := 0; done < b.N; {
						messages = st.Next(messages[:0], 100, 1<<20)
						done += max(1, len(messages))
						settle[way](w, messages)
						w.pass(10 * time.Millisecond)
					}
				})
			}
		}
	}
}
