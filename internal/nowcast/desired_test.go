package nowcast_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"spillway/internal/backlog"
	"spillway/internal/nowcast"
)

func TestDesired(t *testing.T) {
	t.Run("h * lambda / mu while nothing waits", func(t *testing.T) {
		got := newRig(t, 4).pass(120, 150, 0)
		wantNear(t, "desired", got.Desired, 1.05*600/200, 0.006)
	})
	t.Run("work that waits is to be done within T", func(t *testing.T) {
		r := newRig(t, 4)
		r.pass(200, 200, 50*time.Second)
		r.sample(40080, time.Minute)
		got := r.pass(5, 200, 50*time.Second)
		wantNear(t, "desired", got.Desired, (40000.0/60+1.05*800)/200, 0.05)
		if got.Drain.State != backlog.Absent {
			t.Errorf("as much arrives as is done, and it drains in %.0f s", got.Drain.Value)
		}
	})
	t.Run("drain time is what waits over what is spare", func(t *testing.T) {
		r := newRig(t, 4)
		age := 120 * time.Second
		for range 24 { // 800/s are done, 400/s arrive: the frontier moves two seconds in a second.
			age -= 5 * time.Second
			r.pass(5, 200, age+30*time.Second)
		}
		r.sample(12000, 0)
		got := r.tick()
		wantNear(t, "drain", got.Drain, got.Explanation.Waiting/(800-got.ArrivalRate.Value), 0.1)
	})
	t.Run("bounds", func(t *testing.T) {
		r := newRig(t, 4)
		r.law.Min, r.law.Max = 2, 3
		wantNear(t, "desired", r.pass(120, 190, 0).Desired, 3, 0)
		wantNear(t, "desired", r.pass(120, 10, 0).Desired, 2, 0)
	})
	t.Run("a single message still wakes a fleet", func(t *testing.T) {
		r := newRig(t, 2)
		r.pass(120, 100, 0)
		r.pass(300, 0, 0)
		r.in.Pods, r.in.Replicas = nil, 0
		r.sample(1, time.Minute)
		r.in.Now = r.in.Now.Add(time.Minute)
		r.sample(1, time.Minute)
		wantNear(t, "desired", r.tick().Desired, 0.01, 0)
	})
}

func TestCoverage(t *testing.T) {
	tests := []struct {
		name    string
		silent  int // Of four pods.
		backlog float64
		alone   bool
	}{
		{"all are scraped", 0, 40, false},
		{"one is not", 1, 40, false},
		{"half are not", 2, 40, false},
		{"most are not", 3, 7000, true},
		{"none is", 4, 7000, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, 4)
			for i := range tt.silent {
				r.in.Pods[i].At = time.Time{}
			}
			r.in.Acks = backlog.Sample{Value: 400, At: r.in.Now}
			r.sample(7000, time.Minute)
			r.pass(60, 100, 0)
			r.in.Acks = backlog.Sample{Value: 400, At: r.in.Now}
			r.sample(7000, time.Minute)
			r.law.Capacity = 200
			got := r.tick()
			wantNear(t, "backlog", got.Backlog, tt.backlog, 1e-6)
			wantNear(t, "arrival rate", got.ArrivalRate, 400, 1)
			if alone := !strings.Contains(got.Explanation.String(), "counts times"); alone != tt.alone {
				t.Errorf("Monitoring alone: %v, want %v\n%s", alone, tt.alone, got.Explanation)
			}
		})
	}
	t.Run("a pod that misses scrapes and answers again is counted once", func(t *testing.T) {
		r := newRig(t, 4)
		r.pass(60, 100, 0)
		quiet := r.in.Pods[0]
		r.in.Pods[0].At = time.Time{}
		r.pass(60, 100, 0)
		r.in.Now = r.in.Now.Add(5 * time.Second)
		r.in.Pods[0] = quiet
		r.work(&r.in.Pods[0], 65*100, 0)
		for i := 1; i < 4; i++ {
			r.work(&r.in.Pods[i], 500, 0)
		}
		r.tick()
		wantNear(t, "arrival rate", r.pass(55, 100, 0).ArrivalRate, 400, 5)
	})
	t.Run("starting pods are not missed, terminating ones still count", func(t *testing.T) {
		r := newRig(t, 3)
		r.in.Pods[0].Ready, r.in.Pods[0].At = false, time.Time{}
		r.in.Pods[1].Ready, r.in.Pods[1].Terminating = false, true
		got := r.pass(120, 100, 0)
		wantNear(t, "arrival rate", got.ArrivalRate, 200, 2)
		wantNear(t, "backlog", got.Backlog, 20, 1e-6)
		if x := got.Explanation; x.Expected != 1 || x.Scraped != 1 || x.Terminating != 1 {
			t.Errorf("expected %d, scraped %d, terminating %d", x.Expected, x.Scraped, x.Terminating)
		}
	})
	t.Run("a pod that was started meanwhile counts from its first message", func(t *testing.T) {
		r := newRig(t, 1)
		r.pass(60, 100, 0)
		r.in.Pods = append(r.in.Pods, nowcast.Pod{
			Name: "new", Ready: true, Connected: true, Slots: 20, Started: r.in.Now, At: r.in.Now.Add(5 * time.Second),
			Delivered: 500, Left: 500, Acked: 500, AckedSeconds: 50, Frontier: r.in.Now.Add(5 * time.Second),
		})
		r.in.Now = r.in.Now.Add(5 * time.Second)
		r.work(&r.in.Pods[0], 500, 0)
		r.tick()
		wantNear(t, "arrival rate", r.pass(30, 100, 0).ArrivalRate, (30*100+60*100+500)/60.0, 9)
	})
	t.Run("a pod that is gone leaves what it counted", func(t *testing.T) {
		r := newRig(t, 2)
		r.pass(60, 100, 0)
		r.in.Pods = r.in.Pods[:1]
		got := r.pass(5, 200, 0)
		wantNear(t, "arrival rate", got.ArrivalRate, 200, 10)
	})
}

func TestCounterReset(t *testing.T) {
	r := newRig(t, 2)
	r.pass(120, 100, 0)
	r.in.Pods[0].Delivered, r.in.Pods[0].Left, r.in.Pods[0].Acked, r.in.Pods[0].AckedSeconds = 0, 0, 0, 0
	r.pass(5, 100, 0)
	for range 12 {
		wantNear(t, "arrival rate", r.pass(5, 100, 0).ArrivalRate, 200, 2)
		wantNear(t, "capacity", r.last.Capacity, 200, 1)
	}
}

func TestUnmeasured(t *testing.T) {
	tests := []struct {
		name     string
		replicas int
		waiting  float64
		want     float64
	}{
		{"zero pods and nothing to do", 0, 0, 0},
		{"zero pods and work: one, never a deadlock", 0, 50000, 1},
		{"five pods and work: five, never a guess", 5, 5e6, 5},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, 0)
			r.in.Replicas = tt.replicas
			r.sample(tt.waiting, time.Minute)
			r.in.Now = r.in.Now.Add(time.Minute)
			r.sample(tt.waiting, time.Minute)
			got := r.tick()
			wantNear(t, "desired", got.Desired, tt.want, 0)
			if got.Capacity.State != backlog.Absent {
				t.Errorf("capacity is %+v", got.Capacity)
			}
		})
	}
	t.Run("neither a capacity nor the replicas are known: nothing is said", func(t *testing.T) {
		r := newRig(t, 0)
		r.in.Replicas = -1
		r.sample(100, time.Minute)
		got := r.tick()
		if got.Desired.State != backlog.Absent || got.Backlog.State == backlog.Absent {
			t.Errorf("desired %+v, backlog %+v", got.Desired, got.Backlog)
		}
		r.law.Capacity = 10
		if got := r.tick(); got.Desired.State != backlog.Absent {
			t.Errorf("without an arrival rate %+v", got.Desired)
		}
	})
	t.Run("the configuration says", func(t *testing.T) {
		r := newRig(t, 0)
		r.law.Capacity = 100
		r.in.Replicas = 0
		r.sample(12000, time.Minute)
		r.in.Now = r.in.Now.Add(time.Minute)
		r.sample(12000, time.Minute)
		wantNear(t, "desired", r.tick().Desired, 2, 0)
	})
}

func TestFailingTarget(t *testing.T) {
	for name, fail := range map[string]func(p *nowcast.Pod){
		"the breaker is open": func(p *nowcast.Pod) { p.Paused = true },
		"nacks dominate":      func(p *nowcast.Pod) { p.Nacked += 1000 },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, 4)
			before := r.pass(120, 150, 0).Desired.Value
			var got nowcast.Result
			for i := range 24 {
				for j := range r.in.Pods {
					fail(&r.in.Pods[j])
				}
				if i%12 == 6 {
					r.sample(float64(i)*5000, time.Minute)
				}
				got = r.pass(5, 0, 0)
			}
			wantNear(t, "desired", got.Desired, before, 0.6)
			if !got.Explanation.Failing || got.Desired.State != backlog.Held {
				t.Errorf("failing: %v, state %s", got.Explanation.Failing, got.Desired.State)
			}
		})
	}
}

func TestNoFreshInput(t *testing.T) {
	r := newRig(t, 4)
	before := r.pass(120, 150, 0)
	for range 12 * 6 { // Nothing answers for six minutes.
		r.in.Now = r.in.Now.Add(5 * time.Second)
		r.tick()
	}
	if r.last.Desired.State != backlog.Absent || r.last.Backlog.State != backlog.Absent {
		t.Fatalf("after six minutes of nothing: %+v", r.last.Desired)
	}
	if !strings.Contains(r.last.Explanation.String(), "nothing is said") {
		t.Errorf("the explanation says\n%s", r.last.Explanation)
	}
	t.Run("afterwards nothing goes down for the scale-down window", func(t *testing.T) {
		got := r.pass(30, 10, 0)
		wantNear(t, "desired", got.Desired, 4, 0)
		if !got.Explanation.Floored {
			t.Error("it does not say that it is floored")
		}
		if got = r.pass(300, 10, 0); got.Desired.Value >= before.Desired.Value {
			t.Errorf("after the window it is still %v", got.Desired.Value)
		}
	})
	t.Run("who has just started does not know what the autoscaler has heard", func(t *testing.T) {
		r := newRig(t, 4)
		r.in.Hold = true
		wantNear(t, "desired", r.pass(120, 50, 0).Desired, 4, 0)
		r.in.Hold = false
		wantNear(t, "desired", r.pass(5, 50, 0).Desired, 1.05*200/200, 0.02)
	})
	t.Run("a tick that did not come is a gap as well", func(t *testing.T) {
		r := newRig(t, 4)
		r.pass(120, 150, 0)
		r.in.Now = r.in.Now.Add(10 * time.Minute)
		wantNear(t, "desired", r.pass(15, 10, 0).Desired, 4, 0)
	})
}

func TestClockSteps(t *testing.T) {
	for name, by := range map[string]time.Duration{"back by an hour": -time.Hour, "back by a second": -6 * time.Second, "ahead by an hour": time.Hour} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, 4)
			r.pass(120, 150, 0)
			r.in.Now = r.in.Now.Add(by)
			r.pass(90, 150, 0)
			got := r.pass(60, 150, 0)
			wantNear(t, "arrival rate", got.ArrivalRate, 600, 5)
			wantNear(t, "capacity", got.Capacity, 200, 1)
		})
	}
}

func TestSharedPods(t *testing.T) {
	flow := func(desired, load, cpu float64) nowcast.Result {
		r := nowcast.Result{Desired: nowcast.Estimate{Reading: backlog.Reading{
			Sample: backlog.Sample{Value: desired, At: time.Unix(1, 0)}, State: backlog.Fresh,
		}}}
		r.Explanation.Load, r.Explanation.Ceilings.CPU = load, cpu
		return r
	}
	tests := []struct {
		name  string
		flows []nowcast.Result
		want  float64
	}{
		{"of slots the most", []nowcast.Result{flow(3, 300, 0), flow(2, 200, 0)}, 3},
		{"of the processor the sum", []nowcast.Result{flow(3, 300, 120), flow(2, 200, 120)}, 4.17},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := nowcast.Shared(tt.flows...); math.Abs(got.Value-tt.want) > 1e-9 || got.State != backlog.Fresh {
				t.Errorf("got %+v, want %v", got, tt.want)
			}
		})
	}
	t.Run("a flow that is not known makes the sum unknown", func(t *testing.T) {
		if got := nowcast.Shared(flow(3, 300, 0), nowcast.Result{}); got.State != backlog.Absent {
			t.Errorf("got %+v", got)
		}
	})
}

func TestLawIsValidated(t *testing.T) {
	if err := nowcast.DefaultLaw().Validate(); err != nil {
		t.Fatal(err)
	}
	law := nowcast.DefaultLaw()
	law.Drain, law.Headroom, law.Min, law.Max = 0, math.NaN(), 5, 3
	err := law.Validate()
	for _, want := range []string{"drain", "headroom", "maximum"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v does not name %s", err, want)
		}
	}
}
