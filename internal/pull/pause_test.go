package pull

import (
	"testing"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

func TestPause(t *testing.T) {
	w := newWorld(t, func(*pubsubpb.Subscription) {})
	e := newEffects()
	release := make(chan struct{})
	s, stop := subscriber(t, w.addr, 20, func(d *Delivery) Fate {
		<-release
		e.note(d)
		return Acked
	})
	w.publish(t, 5, 0)
	lent := func() int { n, _ := s.Outstanding(); return n }
	connected := func() float64 { return testutil.ToFloat64(s.metrics.streamConnected.WithLabelValues("offers")) }
	eventually(t, "five are lent", func() bool { return lent() == 5 })
	s.Pause(true)
	eventually(t, "the stream is closed", func() bool { return connected() == 0 })
	if err := s.Ready(); err != nil {
		t.Errorf("a pause is no reason not to be ready: %v", err)
	}
	w.publish(t, 10, 0) // Five of them say what the first five said.
	close(release)
	eventually(t, "what was lent is handled", func() bool { return e.unique() == 5 && lent() == 0 })
	s.Pause(true) // Once more changes nothing.
	if n := connected(); n != 0 {
		t.Errorf("%v streams are open during the pause", n)
	}
	s.Pause(false)
	eventually(t, "the others are handled", func() bool { return e.unique() == 10 })
	s.Pause(true)
	stop() // A paused subscriber stops too.
	if n := e.duplicated(); n != 5 {
		t.Errorf("%d said what another one had said, want 5", n)
	}
}
