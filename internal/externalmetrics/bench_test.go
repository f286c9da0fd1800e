package externalmetrics

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	client "k8s.io/metrics/pkg/client/external_metrics"

	"spillway/internal/backlog"
)

const manySubscriptions = 10_000

// crowd is a board of many subscriptions, and a source over it.
func crowd() Source {
	s := source()
	board := shelf{}
	for i := range manySubscriptions {
		board[backlog.Subscription{Project: "shop", ID: fmt.Sprintf("offers-%d", i)}] = map[backlog.Metric]backlog.Answer{
			backlog.NumUndeliveredMessages: plain(float64(i), time.Minute),
		}
	}
	s.Board = board
	return s
}

// BenchmarkAPI is the whole way of the autoscaler's request: its client, TLS, delegated authentication and
// authorization (whose decisions the library caches for 10 s), selector, board, encoding. Client and server share the
// processors.
func BenchmarkAPI(b *testing.B) {
	c := newCluster(b)
	s := serve(b, c, crowd())
	var mu sync.Mutex
	var took []time.Duration
	var next atomic.Int64
	b.ReportAllocs()
	began := time.Now()
	b.RunParallel(func(pb *testing.PB) {
		hpa, err := client.NewForConfig(s.config("hpa"))
		if err != nil {
			b.Error(err)
			return
		}
		var own []time.Duration
		for pb.Next() {
			i := next.Add(1) % manySubscriptions
			began := time.Now()
			list, err := hpa.NamespacedMetrics("web").List(adapterName, selector(b, fmt.Sprintf("resource.labels.subscription_id=offers-%d", i)))
			if err != nil || list.Items[0].Value.Value() != i {
				b.Errorf("%v, %v", list, err)
				return
			}
			own = append(own, time.Since(began))
		}
		mu.Lock()
		took = append(took, own...)
		mu.Unlock()
	})
	elapsed := time.Since(began)
	if len(took) == 0 {
		b.Fatal("nothing was measured")
	}
	slices.Sort(took)
	b.ReportMetric(float64(len(took))/elapsed.Seconds(), "requests/s")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
}

// BenchmarkProvider is the provider alone.
func BenchmarkProvider(b *testing.B) {
	p := newProvider(crowd(), newMetrics(nil))
	sel := selector(b, "resource.labels.subscription_id=offers-42,resource.labels.project_id=shop")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.items("web", strings.Clone(adapterName), sel); err != nil {
			b.Fatal(err)
		}
	}
}
