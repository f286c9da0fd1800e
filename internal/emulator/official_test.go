package emulator_test

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"cloud.google.com/go/pubsub/v2"
	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"

	"spillway/internal/emulator"
)

// messagesVariable sets how many messages the official client consumes in each mode; the default suits a test run.
const messagesVariable = "SPILLWAY_EMULATOR_MESSAGES"

func officialCount(t *testing.T) int {
	t.Helper()
	text := os.Getenv(messagesVariable)
	if text == "" {
		return 20_000
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s: %v", messagesVariable, err)
	}
	return n
}

// tally counts what arrives. A message's attribute n is its number, and with ordering the number ascends within its key.
type tally struct {
	mu       sync.Mutex
	counts   map[int]int
	last     map[string]int // by ordering key
	disorder int
}

func (y *tally) note(m *pubsub.Message) (n, times, distinct int) {
	n, _ = strconv.Atoi(m.Attributes["n"])
	y.mu.Lock()
	defer y.mu.Unlock()
	y.counts[n]++
	if m.OrderingKey != "" {
		if last, seen := y.last[m.OrderingKey]; seen && n <= last {
			y.disorder++
		}
		y.last[m.OrderingKey] = n
	}
	return n, y.counts[n], len(y.counts)
}

// publishNumbered publishes n messages in batches of one ordering key each, which is empty unless there are keys.
func publishNumbered(t *testing.T, app *emulator.App, n, keys int) {
	t.Helper()
	publisher := pubsubpb.NewPublisherClient(dial(t, app))
	for first := 0; first < n; first += 500 {
		key := ""
		if keys > 0 {
			key = fmt.Sprintf("key-%d", first/500%keys)
		}
		req := &pubsubpb.PublishRequest{Topic: topicName}
		for i := first; i < min(first+500, n); i++ {
			req.Messages = append(req.Messages, &pubsubpb.PubsubMessage{
				Data: []byte(strings.Repeat("x", 200)), Attributes: map[string]string{"n": strconv.Itoa(i)}, OrderingKey: key,
			})
		}
		if _, err := publisher.Publish(t.Context(), req); err != nil {
			t.Fatal(err)
		}
	}
}

// receive hands every message to f until f has returned true.
func receive(t *testing.T, app *emulator.App, name string, f func(*pubsub.Message) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	subscriber := client(t, app).Subscriber(name)
	subscriber.ReceiveSettings.MaxOutstandingMessages = 10_000
	err := subscriber.Receive(ctx, func(_ context.Context, m *pubsub.Message) {
		if f(m) {
			cancel()
		}
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestTheOfficialClientConsumesEveryMessageOnce(t *testing.T) {
	n := officialCount(t)
	for name, test := range map[string]struct {
		update, mask string
		keys         int
	}{
		"plain":        {"", "", 0},
		"ordering":     {"", "", 50},
		"exactly once": {`"enableExactlyOnceDelivery":true`, "enableExactlyOnceDelivery", 0},
	} {
		t.Run(name, func(t *testing.T) {
			app := start(t, func(o *emulator.Options) { o.Create = []string{"orders"} })
			expectOK(t, app, "PUT", "/v1/"+subName,
				fmt.Sprintf(`{"topic":%q,"ackDeadlineSeconds":60,"enableMessageOrdering":%v}`, topicName, test.keys > 0))
			if test.update != "" {
				expectOK(t, app, "PATCH", "/v1/"+subName, `{"subscription":{`+test.update+`},"updateMask":"`+test.mask+`"}`)
			}
			publishNumbered(t, app, n, test.keys)
			got := &tally{counts: map[int]int{}, last: map[string]int{}}
			receive(t, app, subName, func(m *pubsub.Message) bool {
				_, times, distinct := got.note(m)
				m.Ack()
				return distinct == n && times == 1
			})
			for i := range n {
				if got.counts[i] != 1 {
					t.Fatalf("message %d came %d times", i, got.counts[i])
				}
			}
			if got.disorder != 0 {
				t.Errorf("%d messages out of order", got.disorder)
			}
			expectBacklog(t, app, "0")
		})
	}
}

func TestTheOfficialClientsDeadLetters(t *testing.T) {
	n := officialCount(t)
	const deadSub = "projects/demo/subscriptions/dead-letters"
	app := start(t, func(o *emulator.Options) { o.Create = []string{"orders", "dead:dead-letters"} })
	expectOK(t, app, "PUT", "/v1/"+subName, fmt.Sprintf(
		`{"topic":%q,"ackDeadlineSeconds":60,"deadLetterPolicy":{"deadLetterTopic":"projects/demo/topics/dead","maxDeliveryAttempts":5}}`, topicName))
	publishNumbered(t, app, n, 0)
	got := &tally{counts: map[int]int{}}
	var mu sync.Mutex
	acked, nacked := 0, 0
	poison := n / 10
	receive(t, app, subName, func(m *pubsub.Message) bool {
		i, times, _ := got.note(m)
		if m.DeliveryAttempt == nil || *m.DeliveryAttempt != times {
			t.Errorf("message %d came %d times, attempt %v", i, times, m.DeliveryAttempt)
		}
		mu.Lock()
		defer mu.Unlock()
		if i%10 == 0 {
			m.Nack()
			nacked++
		} else {
			m.Ack()
			acked++
		}
		return acked == n-poison && nacked == 5*poison
	})
	expectBacklog(t, app, "0")
	dead := &tally{counts: map[int]int{}}
	receive(t, app, deadSub, func(m *pubsub.Message) bool {
		i, times, distinct := dead.note(m)
		m.Ack()
		if i%10 != 0 || times != 1 || m.Attributes["CloudPubSubDeadLetterSourceDeliveryCount"] != "5" {
			t.Errorf("message %d is dead %d times: %v", i, times, m.Attributes)
		}
		return distinct == poison
	})
	if len(dead.counts) != poison {
		t.Errorf("%d dead letters, want %d", len(dead.counts), poison)
	}
}
