package scenarios

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"spillway/e2e/overlays"
	"spillway/internal/backlog"
	"spillway/internal/load"
)

// messageSize is that of each message in bytes.
const messageSize = 256

// source publishes to the topic of a flow: a steady rate, and bursts on top of it. Everything that the server confirms is
// noted in the flow's ledger.
type source struct {
	publisher *load.Publisher
	burst     atomic.Int64
	surging   atomic.Pointer[surge]
	closed    atomic.Bool
	done      sync.WaitGroup
	err       error // Valid after done.
}

// publish starts a source of rate messages per second. The stage's test stops it if nobody has.
func (s *stage) publish(flow string, rate float64) *source {
	s.t.Helper()
	ctx := context.WithoutCancel(s.t.Context())
	client, err := load.Dial(ctx, emulatorAddress)
	if err != nil {
		s.t.Fatal(err)
	}
	topic := backlog.Topic{Project: overlays.Project, ID: flow}
	src := &source{publisher: load.NewPublisher(client, topic, load.Message{Size: messageSize}, s.book(flow).Published)}
	src.done.Go(func() {
		src.err = src.publisher.Run(ctx, func(elapsed time.Duration) (int64, bool) {
			return int64(rate*elapsed.Seconds()) + src.burst.Load() + src.surging.Load().due(time.Now()), src.closed.Load()
		})
	})
	s.t.Cleanup(func() {
		_ = src.stop()
		_ = client.Close()
	})
	return src
}

// surge is a rate for a while.
type surge struct {
	begun time.Time
	rate  float64
	lasts time.Duration
}

// surge lets the rate be higher by that many messages per second for a while. A source has one surge.
func (s *source) surge(rate float64, lasts time.Duration) {
	s.surging.Store(&surge{begun: time.Now(), rate: rate, lasts: lasts})
}

// due is how many messages of the surge are due; nil is none.
func (s *surge) due(now time.Time) int64 {
	if s == nil {
		return 0
	}
	return int64(s.rate * min(now.Sub(s.begun), s.lasts).Seconds())
}

// stop ends the publishing after what is due, and says what went wrong.
func (s *source) stop() error {
	s.closed.Store(true)
	s.done.Wait()
	return s.err
}
