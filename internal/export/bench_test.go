package export

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"spillway/internal/backlog"
)

// filled is a project with so many subscriptions after one poll of the default metrics, with one region each.
func filled(tb testing.TB, n int) *project {
	tb.Helper()
	o := DefaultOptions()
	p := &project{settings: settings{
		metrics: o.parseMetrics(nil), times: o.times, current: newCurrent(o.parseMetrics(nil), backlog.NumUndeliveredMessages),
	}, id: "shop"}
	wants := map[string]want{}
	for i := range n {
		wants[fmt.Sprintf("some-team-some-event-consumer-v%05d", i)] = want{by: []string{"--discover"}}
	}
	p.questions(p.metrics, wants, noon)
	ids := slices.Sorted(maps.Keys(wants))
	for _, h := range p.histories {
		h.take(ids, measuredAll(h, ids, noon.Add(-time.Minute)), noon)
	}
	p.publish(p.metrics, wants)
	return p
}

// measuredAll is one sample of every subscription.
func measuredAll(h *history, ids []string, at time.Time) []backlog.Measured {
	list := make([]backlog.Measured, len(ids))
	for i, id := range ids {
		list[i] = level(id, float64(i*17), at)
		switch {
		case h.def.Metric.ByRegion():
			list[i].Labels = []backlog.Label{{Name: "region", Value: "europe-west1"}}
		case h.def.Kind == backlog.Delta:
			list[i].Labels = []backlog.Label{{Name: "delivery_type", Value: "streaming_pull"}}
			list[i].Points[0].Start = at.Add(-time.Minute)
		}
	}
	return list
}

// discard counts what is written.
type discard struct {
	http.ResponseWriter
	n int64
}

func (d *discard) Write(p []byte) (int, error) {
	d.n += int64(len(p))
	return len(p), nil
}

func BenchmarkScrape10000(b *testing.B) {
	p := filled(b, 10_000)
	h := scrape(p.current, prometheus.NewRegistry(), func() time.Time { return noon.Add(time.Second) }, zap.NewNop())
	for _, encoding := range []string{"identity", "gzip"} {
		b.Run(encoding, func(b *testing.B) {
			req := httptest.NewRequestWithContext(b.Context(), http.MethodGet, "/metrics", http.NoBody)
			req.Header.Set("Accept-Encoding", encoding)
			out := &discard{ResponseWriter: httptest.NewRecorder()}
			for b.Loop() {
				h.ServeHTTP(out, req)
			}
			b.SetBytes(out.n / int64(b.N))
			b.ReportAllocs()
		})
	}
}

// BenchmarkTurn10000 is what a turn costs but for the calls: taking in the answers and making the section.
func BenchmarkTurn10000(b *testing.B) {
	p := filled(b, 10_000)
	wants := p.current.load().sections[0].wants
	ids := slices.Sorted(maps.Keys(wants))
	now := noon
	for b.Loop() {
		now = now.Add(time.Minute)
		for _, h := range p.histories {
			h.take(ids, measuredAll(h, ids, now.Add(-time.Minute)), now)
		}
		p.publish(p.metrics, wants)
	}
	b.ReportAllocs()
}

// BenchmarkAnswer is what one request of the external metrics API asks of the board.
func BenchmarkAnswer(b *testing.B) {
	p := filled(b, 10_000)
	sub := p.current.Subscriptions()[5_000]
	for b.Loop() {
		if a := p.current.Answer(sub, backlog.Backlog, noon); a.Total.State != backlog.Fresh {
			b.Fatal(a)
		}
	}
	b.ReportAllocs()
}

// TestABoardOfTenThousandIsSmall: what is kept for 10,000 subscriptions, not what a poll needs meanwhile.
func TestABoardOfTenThousandIsSmall(t *testing.T) {
	before := live()
	p := filled(t, 10_000)
	if used := (live() - before) >> 20; used > 40 {
		t.Errorf("a board of 10,000 subscriptions takes %d MiB", used)
	}
	p.current.load().render(&exposition{out: io.Discard}, noon)
}

func live() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// BenchmarkRound10000 is a round in which every one of 10,000 subscriptions is estimated by Monitoring alone: after a poll, and without one.
func BenchmarkRound10000(b *testing.B) {
	p := filled(b, 10_000)
	wants := NewWants()
	wants.Put("flags", named(p.current.Subscriptions()))
	e := &estimator{current: p.current, wants: wants, law: defaultLawOptions(), clock: clock{speed: 1}, fresh: 4 * time.Minute, all: true, acks: true}
	now := noon
	for _, polled := range []bool{true, false} {
		b.Run(map[bool]string{true: "after a poll", false: "without one"}[polled], func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				now = now.Add(5 * time.Second)
				if polled {
					b.StopTimer()
					p.publish(p.metrics, p.current.load().sections[0].wants)
					b.StartTimer()
				}
				crew := e.crew()
				if list := e.estimate(&crew, nil, now); len(list) != 10_000 {
					b.Fatal(len(list))
				}
			}
		})
	}
}

// TestEstimatesOfTenThousandAreSmall: what is kept for 10,000 subscriptions that --estimate-all asks for.
func TestEstimatesOfTenThousandAreSmall(t *testing.T) {
	p := filled(t, 10_000)
	wants := NewWants()
	wants.Put("flags", named(p.current.Subscriptions()))
	e := &estimator{current: p.current, wants: wants, law: defaultLawOptions(), clock: clock{speed: 1}, fresh: 4 * time.Minute, all: true, acks: true}
	before := live()
	crew := e.crew()
	list := e.estimate(&crew, nil, noon.Add(time.Second))
	used := (live() - before) >> 20
	if used > 40 || len(list) != 10_000 {
		t.Errorf("%d estimates take %d MiB", len(list), used)
	}
	t.Logf("%d estimates take %d MiB", len(list), used)
	runtime.KeepAlive(e)
}
