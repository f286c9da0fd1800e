package hpa_test

import (
	"testing"
	"time"

	"spillway/internal/hpa"
)

// BenchmarkSync is one decision with a full window of proposals; the simulator makes 5760 of them in a day.
func BenchmarkSync(b *testing.B) {
	c, err := hpa.New(shop(&hpa.Behavior{ScaleDown: gently()}))
	if err != nil {
		b.Fatal(err)
	}
	now, replicas := time.Unix(0, 0), int32(2)
	items := make([]hpa.Milli, 1)
	level := int64(1)
	b.ReportAllocs()
	for b.Loop() {
		level = (level*48271 + 11) % 1_000_000
		items[0] = hpa.Milli(level) * hpa.Unit
		replicas = c.Sync(now, replicas, replicas, hpa.Metric{Items: items}).Desired
		now = now.Add(hpa.SyncPeriod)
	}
}
