package nowcast_test

import (
	"testing"
	"time"

	"spillway/internal/backlog"
	"spillway/internal/nowcast"
)

func TestCaughtUp(t *testing.T) {
	tests := []struct {
		name   string
		change func(p *nowcast.Pod, now time.Time)
		want   bool
	}{
		{"free slots and fresh messages", func(*nowcast.Pod, time.Time) {}, true},
		{"one pod has no stream", func(p *nowcast.Pod, _ time.Time) { p.Connected = false }, false},
		{"one pod is paused", func(p *nowcast.Pod, _ time.Time) { p.Paused = true }, false},
		{"one pod has no free slot", func(p *nowcast.Pod, _ time.Time) { p.InFlight = 20 }, false},
		{"the clock of a publisher is ahead", func(p *nowcast.Pod, now time.Time) { p.Frontier = now.Add(time.Minute) }, true},
		{"a pod that is not ready is full", func(p *nowcast.Pod, _ time.Time) { p.Ready, p.InFlight = false, 20 }, true},
		{"a terminating pod is full", func(p *nowcast.Pod, _ time.Time) { p.Terminating, p.InFlight = true, 20 }, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, 3)
			r.pass(60, 100, 0)
			r.in.Now = r.in.Now.Add(5 * time.Second)
			for i := range r.in.Pods {
				r.work(&r.in.Pods[i], 500, 0)
			}
			tt.change(&r.in.Pods[0], r.in.Now)
			if got := r.tick().Explanation.CaughtUp; got != tt.want {
				t.Errorf("caught up: %v, want %v\n%s", got, tt.want, r.last.Explanation)
			}
		})
	}
	t.Run("messages are old", func(t *testing.T) {
		r := newRig(t, 3)
		r.pass(60, 100, 0)
		if r.pass(5, 100, 3*time.Second).Explanation.CaughtUp {
			t.Error("caught up with messages 3 s old")
		}
	})
	t.Run("nothing is delivered, and the last message was old", func(t *testing.T) {
		r := newRig(t, 3)
		r.pass(60, 100, time.Minute)
		for i := range r.in.Pods {
			r.in.Pods[i].InFlight = 0
		}
		r.in.Now = r.in.Now.Add(5 * time.Second)
		for i := range r.in.Pods {
			r.work(&r.in.Pods[i], 0, 0)
		}
		if !r.tick().Explanation.CaughtUp {
			t.Errorf("not caught up although nothing comes:\n%s", r.last.Explanation)
		}
	})
	t.Run("the worker says when it was last given something", func(t *testing.T) {
		r := newRig(t, 1)
		r.pass(60, 1, 0)
		r.in.Now = r.in.Now.Add(5 * time.Second)
		r.work(&r.in.Pods[0], 1, 0)
		r.in.Pods[0].Frontier = r.in.Now.Add(-4 * time.Second)
		r.in.Pods[0].Delivery = r.in.Pods[0].Frontier.Add(100 * time.Millisecond)
		if !r.tick().Explanation.CaughtUp {
			t.Error("a rare message was delivered at once, and is taken for old")
		}
	})
}

func TestBacklog(t *testing.T) {
	t.Run("caught up it is what is in flight, whatever Monitoring says", func(t *testing.T) {
		r := newRig(t, 2)
		r.sample(50000, 3*time.Minute)
		got := r.pass(60, 100, 0)
		wantNear(t, "backlog", got.Backlog, 20, 1e-9)
		wantWay(t, got.Explanation.From, nowcast.FromCaughtUp)
		if !got.Backlog.At.Equal(r.in.Now) {
			t.Errorf("it speaks for %s", got.Backlog.At)
		}
	})
	t.Run("behind, Monitoring's sample is carried to now", func(t *testing.T) {
		r := newRig(t, 2)
		r.pass(200, 200, 100*time.Second) // The frontier moves a second in a second: 400/s arrive and 400/s leave.
		r.sample(40000, 2*time.Minute)
		got := r.pass(5, 200, 100*time.Second)
		wantWay(t, got.Explanation.From, nowcast.FromMonitoring)
		wantNear(t, "backlog", got.Backlog, 40000, 500)
	})
	t.Run("what left since the sample is gone", func(t *testing.T) {
		r := newRig(t, 2)
		r.pass(200, 100, 0)
		r.in.Pods[0].InFlight = 20
		r.sample(40000, 0)
		for range 12 {
			r.in.Now = r.in.Now.Add(5 * time.Second)
			for i := range r.in.Pods {
				r.work(&r.in.Pods[i], 1000, 0)
				r.in.Pods[i].Frontier, r.in.Pods[i].InFlight = r.start, 20 // Everything was published together.
			}
			r.tick()
		}
		got := r.last.Explanation
		if got.Left < 23000 || got.Left > 25000 {
			t.Errorf("%.0f left, want 24000", got.Left)
		}
	})
	t.Run("the last instant caught up is the anchor when it is later", func(t *testing.T) {
		r := newRig(t, 2)
		r.pass(120, 100, 0)
		r.sample(90000, time.Minute)
		got := r.pass(10, 200, 20*time.Second)
		wantWay(t, got.Explanation.From, nowcast.FromClear)
	})
	t.Run("of a short backlog the frontier knows more than what was carried for minutes", func(t *testing.T) {
		r := newRig(t, 8)
		r.pass(240, 200, 5*time.Second) // 1600/s and 5 s of them wait.
		r.sample(10000, 3*time.Minute)  // Carried for three minutes, a hundredth of the rate is 3000.
		r.in.Before = backlog.Sample{}
		got := r.pass(5, 200, 5*time.Second)
		wantWay(t, got.Explanation.From, nowcast.FromBoth)
		wantNear(t, "backlog", got.Backlog, 8*20+1600*5, 300)
	})
	t.Run("what clocks and rates cannot explain is Monitoring's to say", func(t *testing.T) {
		r := newRig(t, 8)
		r.pass(240, 200, 5*time.Second)
		r.sample(500000, 3*time.Minute)
		r.in.Before = backlog.Sample{}
		got := r.pass(5, 200, 5*time.Second)
		wantWay(t, got.Explanation.From, nowcast.FromMonitoring)
		wantNear(t, "backlog", got.Backlog, 500000, 1000)
	})
	t.Run("without any anchor it is what arrived since the frontier", func(t *testing.T) {
		r := newRig(t, 2)
		got := r.pass(120, 200, 50*time.Second)
		wantWay(t, got.Explanation.From, nowcast.FromFrontier)
		wantNear(t, "backlog", got.Backlog, 40+400*50, 100)
	})
	t.Run("it is never less than what is in flight", func(t *testing.T) {
		r := newRig(t, 2)
		r.pass(200, 200, 30*time.Second)
		r.sample(0, time.Minute)
		got := r.pass(60, 200, 30*time.Second)
		if got.Backlog.Value < got.Explanation.InFlight {
			t.Errorf("backlog %.0f, in flight %.0f", got.Backlog.Value, got.Explanation.InFlight)
		}
	})
	t.Run("a purge is seen with the next sample and does not linger", func(t *testing.T) {
		r := newRig(t, 2)
		r.pass(200, 200, 100*time.Second)
		r.sample(40000, time.Minute)
		if got := r.pass(30, 200, 100*time.Second); got.Backlog.Value < 30000 {
			t.Errorf("before the purge %.0f", got.Backlog.Value)
		}
		r.sample(100, time.Minute)
		r.in.Before = backlog.Sample{}
		wantNear(t, "backlog", r.pass(5, 200, 100*time.Second).Backlog, 100, 500)
		got := r.pass(60, 50, 0)
		wantNear(t, "backlog", got.Backlog, 10, 1)
		wantNear(t, "drain", got.Drain, 0, 0)
	})
	t.Run("what the service dead-letters or lets expire is gone with the next sample", func(t *testing.T) {
		r := newRig(t, 2)
		r.pass(200, 200, 50*time.Second)
		r.sample(20000, time.Minute)
		wantNear(t, "backlog before", r.pass(60, 200, 50*time.Second).Backlog, 20000, 300)
		r.sample(15000, 0) // No counter of a worker says that 5000 are gone.
		wantNear(t, "backlog after", r.pass(5, 200, 50*time.Second).Backlog, 15000, 300)
	})
	t.Run("redeliveries are no arrivals, and leave when they are acked", func(t *testing.T) {
		r := newRig(t, 2)
		r.pass(120, 200, 50*time.Second)
		for range 36 { // Of 200/s that each pod is given, 50 have been given to somebody before; all are acked.
			for i := range r.in.Pods {
				r.in.Pods[i].Delivered -= 250
			}
			r.pass(5, 200, 50*time.Second)
		}
		r.sample(20000, time.Minute)
		got := r.pass(5, 200, 50*time.Second)
		wantNear(t, "arrival rate", got.ArrivalRate, 300, 10)
		wantNear(t, "backlog", got.Backlog, 20000-65*100, 700)
	})
}

func TestLongHandlersAreNotWaiting(t *testing.T) {
	r := newRig(t, 2)
	r.in.Pods[0].InFlight, r.in.Pods[1].InFlight = 20, 20
	r.law.Capacity = 0.5
	for i := range 60 {
		r.in.Now = r.in.Now.Add(5 * time.Second)
		for j := range r.in.Pods {
			r.in.Pods[j].At = r.in.Now
		}
		if i%12 == 0 {
			r.sample(40, 2*time.Minute)
		}
		r.tick()
	}
	if w := r.last.Explanation.Waiting; w != 0 {
		t.Errorf("%.0f messages wait, and all of them are being worked on:\n%s", w, r.last.Explanation)
	}
}
