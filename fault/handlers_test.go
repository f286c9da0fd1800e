package fault

import (
	"context"
	"net/http"
	"strconv"
	"sync"
	"time"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
)

// slowHandlers is F10: 1 % of the messages take 90 s, and 0.1 % never return at their first delivery. The others must not
// notice.
func slowHandlers(w *world) {
	const concurrency, rate, n = 100, 100, 6000
	w.ledger.handle = func(ctx context.Context, v visit) int {
		switch x := w.draw(v.text); {
		case x < 0.001 && v.first:
			<-ctx.Done()
			return http.StatusGatewayTimeout
		case x < 0.011:
			w.ledger.pause(90 * time.Second)
		default:
			w.ledger.pause(20 * time.Millisecond)
		}
		return http.StatusNoContent
	}
	wait := w.pace(n, rate)
	for range 3 {
		w.start(concurrency, "--handler-timeout=100s")
	}
	wait()
	fast := 0
	for i := range w.published {
		if w.draw(order(i)) >= 0.011 {
			fast++
		}
	}
	w.rest(2 * time.Second)
	if done := w.ledger.unique(); done < fast*9/10 {
		w.t.Errorf("of %d quick messages at most %d are done while the slow ones run", fast, done)
	}
	w.ended()
	w.recovery = 4 * time.Minute
	w.awaitAll(5 * time.Minute)
	if got := w.truth(); got.Expired != 0 {
		w.t.Errorf("%d leases expired although handlers ran", got.Expired)
	}
}

// poison is F11: 1 % always fail, 0.1 % break the connection as a panic does, 0.01 %, but at least one, take down the
// target of their worker with everything that it was working on.
func poison(w *world) {
	const concurrency, attempts = 20, 10
	n := 5000
	if w.all {
		n = 30_000
	}
	w.publish(n, plain)
	pods := &crashes{generation: map[string]int{}}
	w.ledger.handle = func(_ context.Context, v visit) int { return w.poisoned(v, pods) }
	for range 3 {
		w.start(concurrency)
	}
	sick := map[string]bool{}
	for i, id := range w.published {
		if w.sickness(order(i)) != healthy {
			sick[id] = true
		}
	}
	w.await(5*time.Minute, "every healthy message done and every sick one dead-lettered", func() bool {
		return w.ledger.unique() == n-len(sick) && w.truth().DeadLettered >= len(sick)
	})
	w.ended()
	dead := w.dead(time.Second)
	for id := range dead {
		if !sick[id] {
			w.t.Errorf("the healthy message %s is dead-lettered", id)
		}
	}
	for id := range sick {
		if !dead[id] {
			w.t.Errorf("the sick message %s is not dead-lettered", id)
		}
	}
	if attempt, _ := w.ledger.attempts(); attempt > attempts {
		w.t.Errorf("attempt %d of %d", attempt, attempts)
	}
	w.t.Logf("%d sick messages took targets down %d times", len(sick), pods.total)
	if pods.total == 0 {
		w.t.Error("no target was taken down")
	}
	// What was handled when its target went down had perhaps had its effect.
	w.bound = pods.total * concurrency
}

// What is wrong with a message.
type sickness int

const (
	healthy sickness = iota
	failing
	panicking
	killing
)

func (w *world) sickness(text string) sickness {
	switch x := w.draw(text); {
	case x < 0.0001 || text == order(0):
		return killing
	case x < 0.0011:
		return panicking
	case x < 0.0111:
		return failing
	}
	return healthy
}

// crashes counts how often the target of each worker went down.
type crashes struct {
	mu         sync.Mutex
	generation map[string]int
	total      int
}

func (c *crashes) of(pod string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.generation[pod]
}

func (c *crashes) crash(pod string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.generation[pod]++
	c.total++
}

// poisoned handles a message on a target that may go down meanwhile: then it has no effect and no answer.
func (w *world) poisoned(v visit, pods *crashes) int {
	before := pods.of(v.pod)
	w.ledger.pause(time.Duration(1+w.draw(v.text+"t")*20) * time.Millisecond)
	switch w.sickness(v.text) {
	case failing:
		return http.StatusInternalServerError
	case killing:
		pods.crash(v.pod)
		return 0
	case panicking:
		return 0
	case healthy:
	}
	if pods.of(v.pod) != before {
		return 0
	}
	return http.StatusNoContent
}

// memory is F14 without cgroups: 10 MB messages under a memory limit of the runtime, as the image sets it for a pod of
// 512 MiB.
func memory(w *world) {
	const mib, size, n = 1 << 20, 9_900_000, 60
	payload := make([]byte, size)
	w.ledger.handle = w.taking(50*time.Millisecond, 500*time.Millisecond)
	w.publish(n, func(i int) *pubsubpb.PubsubMessage {
		return &pubsubpb.PubsubMessage{Data: payload, Attributes: map[string]string{"n": strconv.Itoa(i)}}
	})
	p := w.launch(100, []string{"GOMEMLIMIT=400MiB"})
	p.serve()
	highest, bytes := 0.0, 0.0
	w.await(5*time.Minute, "every large message", func() bool {
		highest = max(highest, p.metric("process_resident_memory_bytes"))
		bytes = max(bytes, p.metric("pubsub_worker_outstanding_bytes"))
		return w.ledger.unique() == n
	})
	w.t.Logf("resident %.0f MiB, outstanding %.0f MiB", highest/mib, bytes/mib)
	if highest > 512*mib {
		w.t.Errorf("resident memory reached %.0f MiB of 512", highest/mib)
	}
	if bytes > 100*mib+size {
		w.t.Errorf("%.0f MiB were outstanding; the window is 100 MiB", bytes/mib)
	}
}
