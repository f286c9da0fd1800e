package nowcast_test

import (
	"testing"
	"time"

	"spillway/internal/backlog"
	"spillway/internal/nowcast"
)

func TestArrivalRate(t *testing.T) {
	t.Run("caught up it is the rate of first deliveries over a minute", func(t *testing.T) {
		r := newRig(t, 2)
		r.pass(120, 100, 0)
		r.pass(30, 50, 0)
		got := r.pass(0, 0, 0)
		wantWay(t, got.Explanation.ArrivalsBy, nowcast.ByDeliveries)
		wantNear(t, "arrival rate", got.ArrivalRate, 150, 5)
	})
	t.Run("behind it is what the frontier passed", func(t *testing.T) {
		r := newRig(t, 2)
		age := time.Duration(0)
		for range 24 { // 400/s are delivered of 1600/s: p moves a quarter of a second in a second.
			age += 3750 * time.Millisecond
			r.pass(5, 200, age)
		}
		got := r.pass(0, 0, 0)
		wantWay(t, got.Explanation.ArrivalsBy, nowcast.ByFrontier)
		wantNear(t, "arrival rate", got.ArrivalRate, 1600, 20)
	})
	t.Run("so far behind that the frontier hardly moves in a minute it is what the frontier passed in more of them", func(t *testing.T) {
		r := newRig(t, 2)
		r.pass(120, 150, 0)
		r.sample(0, time.Minute)
		r.sample(0, 0)
		age := time.Duration(0)
		for range 80 { // 400/s are delivered of 3000/s: p moves 8 s in a minute.
			age += 4333 * time.Millisecond
			got := r.pass(5, 200, age)
			if age < 40*time.Second {
				continue
			}
			wantWay(t, got.Explanation.ArrivalsBy, nowcast.ByFrontier)
			wantNear(t, "arrival rate", got.ArrivalRate, 3000, 200)
		}
	})
	t.Run("a step is believed within 10 s of age", func(t *testing.T) {
		r := newRig(t, 3)
		r.pass(120, 150, 0)
		for _, age := range []time.Duration{4500 * time.Millisecond, 9 * time.Second} { // 600/s of 6000/s.
			r.pass(5, 200, age)
		}
		if got := r.pass(0, 0, 0).ArrivalRate.Value; got < 3000 || got > 6600 {
			t.Errorf("arrival rate is %.0f 10 s into a step from 450 to 6000\n%s", got, r.last.Explanation)
		}
	})
	t.Run("a lump worked off within seconds is no step", func(t *testing.T) {
		r := newRig(t, 3)
		r.pass(120, 150, 0)
		r.pass(5, 200, 5*time.Second)
		got := r.pass(10, 150, 0)
		if got.ArrivalRate.Value > 1000 {
			t.Errorf("arrival rate is %.0f", got.ArrivalRate.Value)
		}
	})
	t.Run("it is bounded by what is possible", func(t *testing.T) {
		r := newRig(t, 3)
		r.law.MaxRate = 1000
		r.pass(120, 150, 0)
		for _, age := range []time.Duration{4500 * time.Millisecond, 9 * time.Second} {
			r.pass(5, 200, age)
		}
		wantNear(t, "arrival rate", r.last.ArrivalRate, 1000, 1e-9)
	})
	t.Run("a frontier that stands still is one bulk and no rate", func(t *testing.T) {
		r := newRig(t, 3)
		r.pass(120, 150, 0)
		bulk := r.in.Now
		for i := range 60 {
			r.in.Now = r.in.Now.Add(5 * time.Second)
			for j := range r.in.Pods {
				r.work(&r.in.Pods[j], 1000, 10*time.Second)
				r.in.Pods[j].Frontier = bulk
			}
			if i == 40 {
				r.sample(450, r.in.Now.Sub(bulk)+time.Second)
				r.sample(1e6, r.in.Now.Sub(bulk)-59*time.Second)
			}
			got := r.tick()
			if i > 8 && got.ArrivalRate.Value > 700 {
				t.Fatalf("%d s after a bulk the arrival rate is %.0f\n%s", 5*i, got.ArrivalRate.Value, got.Explanation)
			}
		}
		if b := r.last.Backlog.Value; b < 8e5 || b > 1.1e6 {
			t.Errorf("of a million 900000 are left, and the estimate is %.0f", b)
		}
	})
	t.Run("without workers it is Monitoring's growth and acks", func(t *testing.T) {
		r := newRig(t, 0)
		r.in.Replicas = 3
		r.sample(1000, time.Minute)
		r.in.Now = r.in.Now.Add(time.Minute)
		r.sample(7000, time.Minute)
		r.in.Acks = backlog.Sample{Value: 500, At: r.in.Backlog.At}
		got := r.tick()
		wantWay(t, got.Explanation.ArrivalsBy, nowcast.ByMonitoring)
		wantNear(t, "arrival rate", got.ArrivalRate, 600, 1e-6)
	})
	t.Run("with one sample alone it is not known, which is not zero", func(t *testing.T) {
		r := newRig(t, 0)
		r.in.Replicas = 3
		r.law.Capacity = 200
		r.sample(100, time.Minute)
		got := r.tick()
		if got.ArrivalRate.State != backlog.Absent {
			t.Errorf("arrival rate is %+v", got.ArrivalRate)
		}
		wantNear(t, "desired", got.Desired, 3, 0)
	})
}

func TestNewestFirst(t *testing.T) {
	r := newRig(t, 5)
	r.pass(60, 100, 0)
	for i := range 24 {
		r.pass(5, 200, 40*time.Second)
		r.in.Pods[i%5].Frontier = r.in.Now // One of five was given a new message last.
		r.tick()
	}
	if age := r.last.Explanation.Age; age < 39 || age > 41 {
		t.Errorf("the age is %.1f s, want that of most", age)
	}
}

func TestNoArrivals(t *testing.T) {
	r := newRig(t, 2)
	r.pass(60, 100, 0)
	got := r.pass(120, 0, 0)
	wantNear(t, "arrival rate", got.ArrivalRate, 0, 0)
	wantNear(t, "desired", got.Desired, 0, 0)
	wantNear(t, "capacity", got.Capacity, 200, 1)
}
