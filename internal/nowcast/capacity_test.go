package nowcast_test

import (
	"testing"
	"time"

	"spillway/internal/backlog"
	"spillway/internal/nowcast"
)

func TestNearestCeiling(t *testing.T) {
	tests := []struct {
		name string
		c    nowcast.Ceilings
		want float64
		from string
	}{
		{"nothing is known", nowcast.Ceilings{}, 0, ""},
		{"slots alone", nowcast.Ceilings{Slots: 200}, 200, "slots"},
		{"the processor is nearer", nowcast.Ceilings{Slots: 200, CPU: 150, Reached: 170}, 150, "processor"},
		{"something else is nearer", nowcast.Ceilings{Slots: 200, CPU: 250, Reached: 90}, 90, "reached while saturated"},
		{"what is measured goes before what was said", nowcast.Ceilings{Slots: 200, Said: 50, Remote: 30}, 200, "slots"},
		{"Monitoring's acks go before what was said", nowcast.Ceilings{Said: 50, Remote: 30}, 30, "acks by Monitoring while work waited"},
		{"what was said is better than nothing", nowcast.Ceilings{Said: 50}, 50, "configuration"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if mu, from := tt.c.Nearest(); mu != tt.want || from != tt.from {
				t.Errorf("got %v by %q, want %v by %q", mu, from, tt.want, tt.from)
			}
		})
	}
}

func TestCapacity(t *testing.T) {
	t.Run("slots: concurrency * acked / handler seconds", func(t *testing.T) {
		got := newRig(t, 2).pass(60, 50, 0)
		wantNear(t, "capacity", got.Capacity, 200, 1e-6)
		wantWay(t, got.Explanation.CapacityBy, "slots")
	})
	t.Run("nacks are no work done", func(t *testing.T) {
		r := newRig(t, 2)
		for range 12 {
			for i := range r.in.Pods {
				r.in.Pods[i].Nacked += 50
			}
			r.pass(5, 50, 0)
		}
		wantNear(t, "capacity", r.last.Capacity, 200, 1e-6)
	})
	t.Run("the processor: cores * acked / processor seconds", func(t *testing.T) {
		r := newRig(t, 2)
		for i := range r.in.Pods {
			r.in.Pods[i].CPULimit = 2
		}
		burn := func(share float64) nowcast.Result {
			for range 12 {
				for i := range r.in.Pods {
					r.in.Pods[i].CPUSeconds += 5 * 2 * share
				}
				r.pass(5, 50, 0)
			}
			return r.last
		}
		got := burn(0.5)
		wantNear(t, "capacity", got.Capacity, 100, 1e-6)
		wantWay(t, got.Explanation.CapacityBy, "processor")
		r.law.IgnoreCPU = true
		wantNear(t, "capacity, with the work in another container,", burn(0.5).Capacity, 200, 1e-6)
	})
	t.Run("an idle processor says nothing", func(t *testing.T) {
		r := newRig(t, 1)
		r.in.Pods[0].CPULimit = 1
		for range 12 {
			r.in.Pods[0].CPUSeconds += 5 * 0.05 // The process itself.
			r.pass(5, 1, 0)
		}
		if c := r.last.Explanation.Ceilings.CPU; c != 0 {
			t.Errorf("the processor's ceiling is %.0f/s, from what an idle process uses", c)
		}
	})
	t.Run("flows that share a pod share its processor", func(t *testing.T) {
		r := newRig(t, 1)
		r.in.Pods[0].CPULimit = 1
		for range 12 {
			r.in.Pods[0].CPUSeconds += 5 * 0.5
			r.in.Pods[0].AllAcked += 5 * 100 // Another flow acks as many.
			r.pass(5, 50, 0)
		}
		if c := r.last.Explanation.Ceilings.CPU; c < 199 || c > 201 {
			t.Errorf("the processor allows %.0f messages of all flows, want 200", c)
		}
	})
	t.Run("what is reached while saturated is a ceiling, and drifts up slowly afterwards", func(t *testing.T) {
		r := newRig(t, 2)
		for range 60 { // 80/s with every slot taken: what the handlers wait for takes no more.
			r.pass(5, 80, 30*time.Second)
		}
		wantNear(t, "capacity", r.last.Capacity, 80, 0.5)
		got := r.pass(600, 50, 0)
		wantWay(t, got.Explanation.CapacityBy, "reached while saturated")
		wantNear(t, "capacity ten minutes later", got.Capacity, 88, 1)
		wantNear(t, "capacity hours later", r.pass(6*3600, 50, 0).Capacity, 120, 1)
	})
	// waiting lets pods deliver messages of 30 s with every slot free when they are asked, using a share of their one core.
	waiting := func(t *testing.T, perPod, cpu float64) nowcast.Explanation {
		t.Helper()
		r := newRig(t, 2)
		for range 60 {
			r.in.Now = r.in.Now.Add(5 * time.Second)
			for i := range r.in.Pods {
				p := &r.in.Pods[i]
				r.work(p, 5*perPod, 30*time.Second)
				p.InFlight, p.CPULimit, p.CPUSeconds = 0, 1, p.CPUSeconds+5*cpu
			}
			r.tick()
		}
		return r.last.Explanation
	}
	t.Run("a busy processor is saturation, though a scrape that needs it too finds every slot free", func(t *testing.T) {
		x := waiting(t, 80, 0.6) // Others have the rest of the node: its own count says 133/s.
		if x.CapacityBy != "reached while saturated" || x.Capacity < 79 || x.Capacity > 81 {
			t.Errorf("the capacity is %.0f/s by %s, want 80", x.Capacity, x.CapacityBy)
		}
	})
	t.Run("so are slots that handlers use up", func(t *testing.T) {
		if x := waiting(t, 170, 0); x.CapacityBy != "reached while saturated" || x.Capacity < 169 || x.Capacity > 171 {
			t.Errorf("the capacity is %.0f/s by %s, want 170", x.Capacity, x.CapacityBy)
		}
	})
	t.Run("a pod that is busy with nothing has reached nothing, however old its messages are", func(t *testing.T) {
		if x := waiting(t, 10, 0.1); x.Ceilings.Reached != 0 {
			t.Errorf("it has reached %.0f/s", x.Ceilings.Reached)
		}
	})
	t.Run("idle, the last known stays", func(t *testing.T) {
		r := newRig(t, 2)
		r.pass(120, 100, 0)
		wantNear(t, "capacity", r.pass(3600, 0, 0).Capacity, 200, 1)
	})
	t.Run("without pods, the last known stays", func(t *testing.T) {
		r := newRig(t, 2)
		r.pass(120, 100, 0)
		r.in.Pods, r.in.Replicas = nil, 0
		r.sample(100, time.Minute)
		r.in.Now = r.in.Now.Add(time.Minute)
		r.sample(6100, time.Minute)
		r.in.Acks = backlog.Sample{At: r.in.Backlog.At}
		got := r.tick()
		wantNear(t, "capacity", got.Capacity, 200, 1)
		if got.Desired.Value <= 0 {
			t.Errorf("6100 messages wait and desired replicas are %v", got.Desired.Value)
		}
	})
	t.Run("Monitoring alone tells it while work waits", func(t *testing.T) {
		r := newRig(t, 0)
		r.in.Replicas = 4
		r.sample(50000, time.Minute)
		r.in.Now = r.in.Now.Add(time.Minute)
		r.sample(50000, time.Minute)
		r.in.Acks = backlog.Sample{Value: 800, At: r.in.Backlog.At}
		got := r.tick()
		wantNear(t, "capacity", got.Capacity, 200, 1e-6)
		wantNear(t, "desired", got.Desired, (50000.0/60+1.05*800)/200, 0.006)
	})
}
