package pull

import (
	"context"
	"fmt"
	"io"
	"net"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cloud.google.com/go/pubsub/v2"
	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/zap"
	logged "go.uber.org/zap/zaptest/observer"

	"spillway/internal/backlog"
	"spillway/internal/emulator"
	"spillway/internal/testenv"
)

// bound is how long any condition of these tests may take on a busy machine.
const bound = 30 * time.Second

// world is an emulator with one subscription and a client for setting it up.
type world struct {
	addr   string
	client *pubsub.Client
}

func newWorld(t *testing.T, change func(*pubsubpb.Subscription)) *world {
	t.Helper()
	opts := emulator.DefaultOptions()
	opts.Listen, opts.Project, opts.Create = "127.0.0.1:0", "shop", []string{"offers"}
	app, err := emulator.New(opts, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	running(t, app.Run)
	return worldAt(t, app.Addr(), change)
}

// servers are what the engine is held against: each makes a world on a server of its own.
func servers() map[string]func(*testing.T, func(*pubsubpb.Subscription)) *world {
	return map[string]func(*testing.T, func(*pubsubpb.Subscription)) *world{
		"spillway's emulator": newWorld, "the official emulator": officialWorld,
	}
}

func officialWorld(t *testing.T, change func(*pubsubpb.Subscription)) *world {
	t.Helper()
	host := testenv.OfficialEmulator(t)
	t.Setenv(EmulatorVariable, host)
	client, err := pubsub.NewClient(t.Context(), "shop")
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if _, err := client.TopicAdminClient.CreateTopic(t.Context(), &pubsubpb.Topic{Name: "projects/shop/topics/offers"}); err != nil {
		t.Fatal(err)
	}
	return worldAt(t, host, change)
}

// worldAt makes the subscription on a server that has the topic.
func worldAt(t *testing.T, addr string, change func(*pubsubpb.Subscription)) *world {
	t.Helper()
	t.Setenv(EmulatorVariable, addr)
	client, err := pubsub.NewClient(t.Context(), "shop")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	sub := &pubsubpb.Subscription{Name: "projects/shop/subscriptions/offers", Topic: "projects/shop/topics/offers", AckDeadlineSeconds: 10}
	change(sub)
	if _, err := client.SubscriptionAdminClient.CreateSubscription(t.Context(), sub); err != nil {
		t.Fatal(err)
	}
	return &world{addr: addr, client: client}
}

// running runs an app until it is stopped, at the latest when the test ends.
func running(t *testing.T, run func(context.Context) error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return stop
}

func (w *world) publish(t *testing.T, n, keys int) {
	t.Helper()
	p := w.client.Publisher("offers")
	p.EnableMessageOrdering = true
	defer p.Stop()
	var results []*pubsub.PublishResult
	for i := range n {
		m := &pubsub.Message{Data: fmt.Appendf(nil, "%d", i)}
		if keys > 0 {
			m.OrderingKey = fmt.Sprintf("key-%d", i%keys)
		}
		results = append(results, p.Publish(t.Context(), m))
	}
	for _, r := range results {
		if _, err := r.Get(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// subscriber runs a subscriber through the emulator at addr. metrics are its own.
func subscriber(t *testing.T, addr string, window int, handle func(*Delivery) Fate, change ...func(*Options)) (*Subscriber, func()) {
	t.Helper()
	t.Setenv(EmulatorVariable, addr)
	opts := Options{
		Subscription:           backlog.Subscription{Project: "shop", ID: "offers"},
		MaxOutstandingMessages: window, MaxOutstandingBytes: 1 << 20, Streams: 1, LeaseExtension: 10 * time.Second, MaxLease: time.Hour,
	}
	for _, c := range change {
		c(&opts)
	}
	s, err := NewSubscriber(t.Context(), opts, NewMetrics(prometheus.NewRegistry()), zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, running(t, func(ctx context.Context) error { return s.Run(ctx, context.Background(), handle) })
}

// eventually waits until ok holds. It polls because the condition is behind a socket.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(bound); !ok(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %s", bound, what)
		}
	}
}

// effects notes what handlers did, in order.
type effects struct {
	mu    sync.Mutex
	seen  map[string]int      // by data
	order map[string][]string // data of first effects, by ordering key
}

func newEffects() *effects { return &effects{seen: map[string]int{}, order: map[string][]string{}} }

func (e *effects) note(d *Delivery) {
	e.mu.Lock()
	defer e.mu.Unlock()
	data := string(d.Data)
	if e.seen[data]++; e.seen[data] == 1 {
		e.order[d.OrderingKey] = append(e.order[d.OrderingKey], data)
	}
}

func (e *effects) unique() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.seen)
}

// duplicated counts effects beyond the first of each message.
func (e *effects) duplicated() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	n := 0
	for _, times := range e.seen {
		n += times - 1
	}
	return n
}

func TestEveryMessageIsHandledOnce(t *testing.T) {
	kinds := map[string]func(*pubsubpb.Subscription){
		"plain":        func(*pubsubpb.Subscription) {},
		"ordered":      func(s *pubsubpb.Subscription) { s.EnableMessageOrdering = true },
		"exactly once": func(s *pubsubpb.Subscription) { s.EnableExactlyOnceDelivery = true },
	}
	modes := map[string]bool{"streaming": false, "unary": true}
	for server, world := range servers() {
		for name, change := range kinds {
			for mode, unary := range modes {
				t.Run(mode+" "+name+" on "+server, func(t *testing.T) {
					w, e := world(t, change), newEffects()
					w.publish(t, 2000, 100)
					s, stop := subscriber(t, w.addr, 200, func(d *Delivery) Fate { e.note(d); return Acked }, func(o *Options) { o.Unary = unary })
					eventually(t, "all are handled", func() bool { return e.unique() == 2000 })
					stop()
					if n := e.duplicated(); n > 0 {
						t.Errorf("%d duplicated", n)
					}
					if n := testutil.ToFloat64(s.metrics.unconfirmed.WithLabelValues("offers", opAck)); n > 0 {
						t.Errorf("%v acks were not confirmed", n)
					}
				})
			}
		}
	}
}

func TestStreamsShareTheWindow(t *testing.T) {
	w, e := newWorld(t, func(*pubsubpb.Subscription) {}), newEffects()
	w.publish(t, 300, 0)
	const window = 30
	var out, most atomic.Int64
	release := make(chan struct{})
	t.Setenv(EmulatorVariable, w.addr)
	s, err := NewSubscriber(t.Context(), Options{
		Subscription:           backlog.Subscription{Project: "shop", ID: "offers"},
		MaxOutstandingMessages: window, MaxOutstandingBytes: 1 << 20, Streams: 3, LeaseExtension: 10 * time.Second, MaxLease: time.Hour,
	}, NewMetrics(prometheus.NewRegistry()), zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	stop := running(t, func(ctx context.Context) error {
		return s.Run(ctx, context.Background(), func(d *Delivery) Fate {
			now := out.Add(1)
			for m := most.Load(); now > m && !most.CompareAndSwap(m, now); m = most.Load() {
			}
			<-release
			out.Add(-1)
			e.note(d)
			return Acked
		})
	})
	t.Cleanup(func() { _ = s.Close() })
	eventually(t, "all three are open and the window is full", func() bool {
		return testutil.ToFloat64(s.metrics.streamConnected.WithLabelValues("offers")) == 3 && out.Load() == window
	})
	close(release)
	eventually(t, "all are handled", func() bool { return e.unique() == 300 })
	stop()
	if e.duplicated() > 0 || most.Load() > window {
		t.Errorf("%d duplicated, %d at once", e.duplicated(), most.Load())
	}
}

func TestOrderHoldsAcrossNacks(t *testing.T) {
	w, e := newWorld(t, func(s *pubsubpb.Subscription) { s.EnableMessageOrdering = true }), newEffects()
	w.publish(t, 500, 10)
	var mu sync.Mutex
	refused, running := map[string]bool{}, map[string]int{}
	_, stop := subscriber(t, w.addr, 100, func(d *Delivery) Fate {
		mu.Lock()
		running[d.OrderingKey]++
		if running[d.OrderingKey] > 1 {
			t.Errorf("two messages of %s at once", d.OrderingKey)
		}
		first := !refused[d.ID]
		refused[d.ID] = true
		mu.Unlock()
		runtime.Gosched()
		mu.Lock()
		running[d.OrderingKey]--
		mu.Unlock()
		if first && d.ID[len(d.ID)-1]%5 == 0 { // A fifth of the messages is refused once.
			return Nacked
		}
		e.note(d)
		return Acked
	})
	eventually(t, "all are handled", func() bool { return e.unique() == 500 })
	stop()
	for key, got := range e.order {
		want := slices.SortedFunc(slices.Values(got), func(a, b string) int { return len(a)*1000 - len(b)*1000 + compare(a, b) })
		if !slices.Equal(got, want) {
			t.Errorf("%s came as %v", key, got)
		}
	}
}

func compare(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	default:
		return 0
	}
}

func TestTheDeliveryAttemptReachesTheHandler(t *testing.T) {
	for server, world := range servers() {
		t.Run(server, func(t *testing.T) {
			w := world(t, func(s *pubsubpb.Subscription) {
				s.DeadLetterPolicy = &pubsubpb.DeadLetterPolicy{DeadLetterTopic: "projects/shop/topics/offers", MaxDeliveryAttempts: 10}
			})
			w.publish(t, 1, 0)
			var mu sync.Mutex
			var attempts []int
			_, stop := subscriber(t, w.addr, 10, func(d *Delivery) Fate {
				mu.Lock()
				defer mu.Unlock()
				attempts = append(attempts, d.DeliveryAttempt)
				if len(attempts) < 3 {
					return Nacked
				}
				return Acked
			})
			eventually(t, "three attempts", func() bool { mu.Lock(); defer mu.Unlock(); return len(attempts) == 3 })
			stop()
			if !slices.Equal(attempts, []int{1, 2, 3}) {
				t.Errorf("attempts %v", attempts)
			}
		})
	}
}

func TestStoppingLeavesNothingLeased(t *testing.T) {
	w := newWorld(t, func(*pubsubpb.Subscription) {})
	w.publish(t, 5000, 0)
	e := newEffects()
	for range 10 {
		before := e.unique()
		_, stop := subscriber(t, w.addr, 50, func(d *Delivery) Fate { e.note(d); return Acked })
		eventually(t, "it works", func() bool { return e.unique() >= min(before+200, 5000) })
		stop()
	}
	// A lease that was left behind would hold its message for ten seconds: all the rest must come at once.
	begin := time.Now()
	_, stop := subscriber(t, w.addr, 50, func(d *Delivery) Fate { e.note(d); return Acked })
	eventually(t, "all are handled", func() bool { return e.unique() == 5000 })
	if took := time.Since(begin); took > 8*time.Second {
		t.Errorf("the rest came after %s", took)
	}
	stop()
	if n := e.duplicated(); n > 0 {
		t.Errorf("%d duplicated", n)
	}
}

// proxy forwards TCP connections to a server until they are cut or swallowed.
type proxy struct {
	net.Listener
	target string
	dead   atomic.Bool // connections that exist are ACKed but forward nothing
	mu     sync.Mutex
	conns  map[net.Conn]bool
	pumps  sync.WaitGroup
}

func newProxy(t *testing.T, target string) *proxy {
	t.Helper()
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{Listener: ln, target: target, conns: map[net.Conn]bool{}}
	p.pumps.Go(p.accept)
	t.Cleanup(func() {
		_ = ln.Close()
		p.cut()
		p.pumps.Wait()
	})
	return p
}

func (p *proxy) accept() {
	for {
		in, err := p.Accept()
		if err != nil {
			return
		}
		out, err := net.Dial("tcp", p.target) //nolint:noctx // A loopback address.
		if err != nil {
			_ = in.Close()
			continue
		}
		p.mu.Lock()
		p.conns[in], p.conns[out] = true, true
		p.mu.Unlock()
		born := p.dead.Load() // A connection made while others are dead lives.
		p.pumps.Go(func() { p.pump(in, out, born) })
		p.pumps.Go(func() { p.pump(out, in, born) })
	}
}

// pump copies until either end closes; while the path is dead it reads on and forwards nothing.
func (p *proxy) pump(from, to net.Conn, immune bool) {
	defer to.Close()
	defer from.Close()
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 && (immune || !p.dead.Load()) {
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// cut resets every connection.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		if tcp, ok := c.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
		_ = c.Close()
	}
	clear(p.conns)
}

func TestCutConnectionsLoseAndRepeatNothing(t *testing.T) {
	w, e := newWorld(t, func(*pubsubpb.Subscription) {}), newEffects()
	w.publish(t, 3000, 0)
	p := newProxy(t, w.addr)
	_, stop := subscriber(t, p.Addr().String(), 100, func(d *Delivery) Fate {
		e.note(d)
		time.Sleep(5 * time.Millisecond)
		return Acked
	})
	for cut := 1; cut <= 5; cut++ {
		eventually(t, "it works between the cuts", func() bool { return e.unique() >= 300*cut })
		p.cut()
	}
	eventually(t, "all are handled", func() bool { return e.unique() == 3000 })
	stop()
	if n := e.duplicated(); n > 0 { // Every cut is shorter than a lease.
		t.Errorf("%d duplicated", n)
	}
}

// impatient runs a subscriber whose pings are frequent.
func impatient(t *testing.T, addr string, log *zap.Logger, handle func(*Delivery) Fate) *Subscriber {
	t.Helper()
	t.Setenv(EmulatorVariable, addr)
	s, err := NewSubscriber(t.Context(), Options{
		Subscription:           backlog.Subscription{Project: "shop", ID: "offers"},
		MaxOutstandingMessages: 10, MaxOutstandingBytes: 1 << 20, Streams: 1, LeaseExtension: 10 * time.Second, MaxLease: time.Hour,
	}, NewMetrics(prometheus.NewRegistry()), log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	s.pingInterval, s.pingAnswer = 200*time.Millisecond, 100*time.Millisecond
	running(t, func(ctx context.Context) error { return s.Run(ctx, context.Background(), handle) })
	eventually(t, "a ping is answered", s.pings.Load)
	return s
}

func (s *Subscriber) opened() float64 {
	return testutil.ToFloat64(s.metrics.streamOpens.WithLabelValues("offers"))
}

func TestAHalfDeadPathIsFoundByThePing(t *testing.T) {
	w := newWorld(t, func(*pubsubpb.Subscription) {})
	p := newProxy(t, w.addr)
	e := newEffects()
	s := impatient(t, p.Addr().String(), zap.NewNop(), func(d *Delivery) Fate { e.note(d); return Acked })
	p.dead.Store(true)
	eventually(t, "a second stream is opened", func() bool { return s.opened() == 2 })
	w.publish(t, 20, 0)
	eventually(t, "messages come on the new connection", func() bool { return e.unique() == 20 })
	if n := s.opened(); n != 2 {
		t.Errorf("%v streams were opened, want 2", n)
	}
}

func TestAHalfDeadPathIsFoundAtAFullWindowAndAcksGoOnAtOnce(t *testing.T) {
	w := newWorld(t, func(*pubsubpb.Subscription) {})
	p := newProxy(t, w.addr)
	e, release := newEffects(), make(chan struct{})
	s := impatient(t, p.Addr().String(), zap.NewNop(), func(d *Delivery) Fate {
		e.note(d)
		<-release
		return Acked
	})
	w.publish(t, 30, 0)
	eventually(t, "the window is full", func() bool { return e.unique() == 10 })
	p.dead.Store(true)
	begin := time.Now()
	close(release) // These acks go into the dead connection.
	eventually(t, "a second stream is opened", func() bool { return s.opened() == 2 })
	eventually(t, "all are handled", func() bool { return e.unique() == 30 })
	if took := time.Since(begin); took > 8*time.Second { // The leases, which nobody could extend, last 10 s.
		t.Errorf("it took %s", took)
	}
	if n := e.duplicated(); n > 0 {
		t.Errorf("%d duplicated", n)
	}
}

func TestClosingUnderARunThatIsNotWaitedForEndsItsCalls(t *testing.T) {
	w := newWorld(t, func(*pubsubpb.Subscription) {})
	p := newProxy(t, w.addr)
	lent := make(chan *Delivery, 1)
	core, logs := logged.New(zap.WarnLevel)
	s := impatient(t, p.Addr().String(), zap.New(core), func(d *Delivery) Fate { lent <- d; return Open })
	w.publish(t, 1, 0)
	d := <-lent
	p.dead.Store(true)
	line := s.lines[0]
	line.mu.Lock()
	under := line.current
	line.mu.Unlock()
	d.Ack() // It hangs on the dead path.
	eventually(t, "the ack is under way", func() bool { line.mu.Lock(); defer line.mu.Unlock(); return under.calls > 1 || line.current != under })
	begin := time.Now()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("it took %s", took)
	}
	told := logs.FilterMessageSnippet("before the server has confirmed").All()
	if len(told) != 1 || told[0].ContextMap()["acked"] != int64(1) {
		t.Errorf("of the ack that is not confirmed people are told %v", told)
	}
}

func TestStoppingDoesNotWaitForAServerThatAcceptsAndSaysNothing(t *testing.T) {
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	t.Setenv(EmulatorVariable, ln.Addr().String())
	s, err := NewSubscriber(t.Context(), Options{
		Subscription:           backlog.Subscription{Project: "shop", ID: "offers"},
		MaxOutstandingMessages: 10, MaxOutstandingBytes: 1 << 20, LeaseExtension: 10 * time.Second, MaxLease: time.Hour,
	}, NewMetrics(prometheus.NewRegistry()), zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	s.state.once = true // There was a stream before.
	stop := running(t, func(ctx context.Context) error {
		return s.Run(ctx, context.Background(), func(*Delivery) Fate { return Acked })
	})
	eventually(t, "a stream is being opened", func() bool { l := s.lines[0]; l.mu.Lock(); defer l.mu.Unlock(); return l.current.calls > 0 })
	begin := time.Now()
	stop()
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("it took %s", took)
	}
}

func TestAServerThatNeverAnsweredAPingIsNotHeldToIt(t *testing.T) {
	h := &hearing{}
	h.listen()
	h.asked()
	if !h.silent() {
		t.Error("a ping without an answer is silence")
	}
	if !h.hear(true) {
		t.Error("an empty response after a ping answers it")
	}
	h.listen()
	if h.silent() || h.hear(true) {
		t.Error("an empty response without a ping answers nothing")
	}
	h.asked() // Nobody reads: the window is full.
	if h.listen(); h.silent() {
		t.Error("what was not read is not silence")
	}
	h.asked()
	if h.hear(false) {
		t.Error("messages prove life, but not that pings are answered")
	}
	h.listen()
	if h.silent() {
		t.Error("messages are a sign of life")
	}
	if !h.hear(true) {
		t.Error("under load the ping's answer comes behind messages")
	}
}

var _ io.Closer = (*Subscriber)(nil)
