package fault

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"spillway/internal/testenv"
)

const (
	topic        = "orders"
	subscription = "orders-v1"
	letters      = "orders-dead"
	// lease is the shipped worker's lease: what a killed worker held comes back after it.
	lease = time.Minute
	// manyAttempts is the policy of the cases in which nothing is to be dead-lettered: with a policy attempts are counted.
	manyAttempts = 100
)

// world is one case: a server, a path to it, workers, the ledger of their effects.
type world struct {
	t        *testing.T
	name     string
	project  string
	seed     uint64
	rng      *rand.Rand // of the case's own goroutine
	all      bool       // the full size, not CI's
	server   string
	official bool
	emulator *testenv.Program // nil when official
	conn     *grpc.ClientConn
	proxy    *proxy
	path     string // what workers are told the server is; the proxy, unless a relay stands before it
	ledger   *ledger
	workers  []*worker

	mu        sync.Mutex
	published []string
	buried    map[string]bool // dead letters, by the message's own ID

	// What the case promises.
	bound    int           // duplicates
	faultEnd time.Time     // zero without a fault
	before   int           // messages published by then
	recovery time.Duration // from faultEnd to the last effect
}

// newWorld starts everything but workers. A host is an official emulator that is already there.
func newWorld(t *testing.T, name string, seed uint64, host string) *world {
	t.Helper()
	hash := fnv.New64a()
	_, _ = hash.Write([]byte(name))
	w := &world{
		t: t, name: name, project: "p-" + strconv.FormatUint(hash.Sum64(), 36), seed: seed, server: host, official: host != "",
		rng: rand.New(rand.NewPCG(seed, hash.Sum64())), recovery: 2 * lease,
		buried: map[string]bool{},
	}
	if host == "" {
		w.emulator = w.startEmulator()
		w.server = w.emulator.Address(t)
	}
	w.connect()
	w.proxy = newProxy(t, w.server)
	w.path = w.proxy.address()
	w.ledger = newLedger(t)
	return w
}

func (w *world) startEmulator() *testenv.Program {
	w.t.Helper()
	return testenv.StartBinary(w.t, program("spillway"), nil, "emulator", "--listen=127.0.0.1:0", "--log-format=json", "--seed="+strconv.FormatUint(w.seed, 10))
}

// connect talks to the server directly: the test's own calls pass no fault.
func (w *world) connect() {
	w.t.Helper()
	conn, err := grpc.NewClient(w.server, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(64<<20)))
	if err != nil {
		w.t.Fatal(err)
	}
	w.conn = conn
	w.t.Cleanup(func() { _ = conn.Close() })
}

func (w *world) topic(id string) string { return "projects/" + w.project + "/topics/" + id }

func (w *world) subscription(id string) string {
	return "projects/" + w.project + "/subscriptions/" + id
}

// create makes the topics and subscriptions, with a dead-letter policy so that attempts are counted.
func (w *world) create(attempts int32, change func(s *pubsubpb.Subscription)) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), time.Minute)
	defer cancel()
	publisher, subscriber := pubsubpb.NewPublisherClient(w.conn), pubsubpb.NewSubscriberClient(w.conn)
	for _, id := range []string{topic, letters} {
		if _, err := publisher.CreateTopic(ctx, &pubsubpb.Topic{Name: w.topic(id)}); err != nil {
			w.t.Fatal(err)
		}
	}
	main := &pubsubpb.Subscription{
		Name: w.subscription(subscription), Topic: w.topic(topic), AckDeadlineSeconds: 10,
		DeadLetterPolicy: &pubsubpb.DeadLetterPolicy{DeadLetterTopic: w.topic(letters), MaxDeliveryAttempts: attempts},
	}
	if change != nil {
		change(main)
	}
	for _, s := range []*pubsubpb.Subscription{main, {Name: w.subscription(letters), Topic: w.topic(letters), AckDeadlineSeconds: 60}} {
		if _, err := subscriber.CreateSubscription(ctx, s); err != nil {
			w.t.Fatal(err)
		}
	}
}

// retryAfter gives a subscription a retry policy of about one pause.
func retryAfter(d time.Duration) func(*pubsubpb.Subscription) {
	return func(s *pubsubpb.Subscription) {
		s.RetryPolicy = &pubsubpb.RetryPolicy{MinimumBackoff: durationpb.New(d), MaximumBackoff: durationpb.New(d)}
	}
}

// publish publishes n messages, one publisher at a time, and notes the IDs that the server has confirmed, in their order.
// message is told the place of its message in that order.
func (w *world) publish(n int, message func(i int) *pubsubpb.PubsubMessage) {
	w.t.Helper()
	if err := w.tryPublish(w.t.Context(), n, message); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) tryPublish(ctx context.Context, n int, message func(i int) *pubsubpb.PubsubMessage) error {
	publisher := pubsubpb.NewPublisherClient(w.conn)
	begin := w.count()
	for done := 0; done < n; {
		request := &pubsubpb.PublishRequest{Topic: w.topic(topic)}
		size := 0
		for ; done < n && len(request.Messages) < 500 && size < 5<<20; done++ {
			m := message(begin + done)
			if len(request.Messages) > 0 && m.GetOrderingKey() != request.Messages[0].GetOrderingKey() {
				break // A request has one key.
			}
			size += len(m.GetData())
			request.Messages = append(request.Messages, m)
		}
		response, err := publisher.Publish(ctx, request)
		if err != nil {
			return fmt.Errorf("publishing: %w", err)
		}
		w.mu.Lock()
		w.published = append(w.published, response.GetMessageIds()...)
		w.mu.Unlock()
	}
	return nil
}

// plain is a message without anything special.
func plain(i int) *pubsubpb.PubsubMessage {
	return &pubsubpb.PubsubMessage{Data: []byte(order(i))}
}

// order is what the message at a place says.
func order(i int) string { return "order " + strconv.Itoa(i) }

// pace publishes n messages at a steady rate a second beside the case. Wait for it.
func (w *world) pace(n, rate int) (wait func()) {
	const slice = 100 * time.Millisecond
	ctx, cancel := context.WithCancel(w.t.Context())
	done := make(chan error, 1)
	go func() {
		ticker := time.NewTicker(slice)
		defer ticker.Stop()
		for begin, sent := time.Now(), 0; sent < n; {
			select {
			case <-ctx.Done():
				done <- ctx.Err()
				return
			case now := <-ticker.C:
				due := min(n, int(now.Sub(begin).Seconds()*float64(rate))) - sent
				if err := w.tryPublish(ctx, due, plain); err != nil {
					done <- err
					return
				}
				sent += due
			}
		}
		done <- nil
	}()
	w.t.Cleanup(cancel)
	return func() {
		w.t.Helper()
		if err := <-done; err != nil {
			w.t.Fatal(err)
		}
	}
}

func (w *world) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.published)
}

// await asks until ok says yes; after the bound it ends the case, saying what did not come.
func (w *world) await(bound time.Duration, what string, ok func() bool) {
	w.t.Helper()
	if !w.within(bound, ok) {
		w.t.Fatalf("%s: not within %s; %d of %d messages have had an effect", what, bound, w.ledger.unique(), w.count())
	}
}

func (w *world) within(bound time.Duration, ok func() bool) bool {
	deadline, tick := time.NewTimer(bound), time.NewTicker(25*time.Millisecond)
	defer deadline.Stop()
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline.C:
			return ok()
		}
	}
	return true
}

// rest lets time pass.
func (w *world) rest(d time.Duration) { w.within(d, func() bool { return false }) }

// awaitAll waits until every message that was published has had an effect and the server has their acks. What a killed
// worker had handled comes again: only then are its duplicates seen.
func (w *world) awaitAll(bound time.Duration) {
	w.t.Helper()
	w.await(bound, "an effect of every message", func() bool { return w.ledger.unique() >= w.count() })
	if !w.official {
		w.await(bound, "an empty subscription", func() bool { return w.truth().Backlog == 0 })
	} else if !w.faultEnd.IsZero() {
		w.rest(time.Until(w.faultEnd.Add(lease + 10*time.Second))) // It tells nobody what it still holds.
	}
}

// ended notes that the last fault is over.
func (w *world) ended() { w.faultEnd, w.before = time.Now(), w.count() }

// live are the workers that this case has not stopped.
func (w *world) live() []*worker {
	var live []*worker
	for _, p := range w.workers {
		if !p.stopped {
			live = append(live, p)
		}
	}
	return live
}

// truth is what the emulator says of the subscription.
type truth struct {
	Backlog, Outstanding, Delivered, Acked, Nacked, Expired int
	DeadLettered                                            int `json:"dead_lettered"`
	Streams                                                 int
}

func (w *world) truth() truth {
	w.t.Helper()
	var state struct {
		Subscriptions []struct {
			Name string
			truth
		}
	}
	if err := json.Unmarshal(w.admin(http.MethodGet, "/admin/state", nil), &state); err != nil {
		w.t.Fatal(err)
	}
	for _, s := range state.Subscriptions {
		if s.Name == w.subscription(subscription) {
			return s.truth
		}
	}
	return truth{}
}

// setFaults puts faults of the emulator in force in place of all others.
func (w *world) setFaults(faults ...string) {
	w.t.Helper()
	body, err := json.Marshal(map[string][]string{"pubsub": append([]string{}, faults...)})
	if err != nil {
		w.t.Fatal(err)
	}
	w.admin(http.MethodPost, "/admin/faults", body)
}

func (w *world) admin(method, path string, body []byte) []byte {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, "http://"+w.server+path, bytes.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	request.Close = true
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		w.t.Fatal(err)
	}
	defer response.Body.Close()
	var answer bytes.Buffer
	if _, err := answer.ReadFrom(response.Body); err != nil || response.StatusCode != http.StatusOK {
		w.t.Fatalf("%s answered %s: %s, %v", path, response.Status, answer.Bytes(), err)
	}
	return answer.Bytes()
}

// pull takes and acks what a subscription holds until it has given nothing for the time given.
func (w *world) pull(id string, quiet time.Duration) (taken []*pubsubpb.PubsubMessage) {
	w.t.Helper()
	for last := time.Now(); time.Since(last) < quiet; {
		got, err := w.pullOnce(w.subscription(id))
		if err != nil {
			w.t.Fatal(err)
		}
		if len(got) > 0 {
			taken, last = append(taken, got...), time.Now()
		}
	}
	return taken
}

func (w *world) pullOnce(name string) (taken []*pubsubpb.PubsubMessage, err error) {
	subscriber := pubsubpb.NewSubscriberClient(w.conn)
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	response, err := subscriber.Pull(ctx, &pubsubpb.PullRequest{Subscription: name, MaxMessages: 500})
	if status.Code(err) == codes.DeadlineExceeded {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("pulling: %w", err)
	}
	var acks []string
	for _, m := range response.GetReceivedMessages() {
		taken, acks = append(taken, m.GetMessage()), append(acks, m.GetAckId())
	}
	if len(acks) == 0 {
		return nil, nil
	}
	_, err = subscriber.Acknowledge(context.Background(), &pubsubpb.AcknowledgeRequest{Subscription: name, AckIds: acks})
	return taken, err
}

// dead returns the IDs of the messages that have been dead-lettered so far. A dead letter has an ID of its own; its payload says
// which message it was.
func (w *world) dead(quiet time.Duration) map[string]bool {
	w.t.Helper()
	for _, m := range w.pull(letters, quiet) {
		var i int
		if _, err := fmt.Sscanf(string(m.GetData()), "order %d", &i); err != nil {
			w.t.Errorf("a dead letter that nobody published: %.40q", m.GetData())
			continue
		}
		w.buried[w.published[i]] = true
	}
	return w.buried
}

// left returns the IDs of the messages that are still in the subscription.
func (w *world) left(quiet time.Duration) map[string]bool {
	w.t.Helper()
	ids := map[string]bool{}
	for _, m := range w.pull(subscription, quiet) {
		ids[m.GetMessageId()] = true
	}
	return ids
}
