package nowcast_test

import (
	"testing"
	"time"
)

func TestPodThatCountsWhatCannotBe(t *testing.T) {
	t.Run("ten times too much is not counted", func(t *testing.T) {
		r := newRig(t, 4)
		r.pass(60, 100, 0)
		for range 24 {
			r.in.Now = r.in.Now.Add(5 * time.Second)
			for i := range r.in.Pods {
				if i == 0 {
					r.work(&r.in.Pods[i], 5000, 0)
				} else {
					r.work(&r.in.Pods[i], 500, 0)
				}
			}
			r.tick()
			wantNear(t, "arrival rate", r.last.ArrivalRate, 400, 20)
		}
		if x := r.last.Explanation; x.Scraped != 3 || x.Expected != 4 {
			t.Errorf("%d of %d pods are believed", x.Scraped, x.Expected)
		}
	})
	t.Run("the same from a pod that was just started", func(t *testing.T) {
		r := newRig(t, 3)
		r.pass(60, 100, 0)
		liar := r.in.Pods[0]
		liar.Name, liar.Started = "liar", r.in.Now
		liar.Delivered, liar.Left, liar.Acked, liar.AckedSeconds = 1e5, 1e5, 1e5, 1e4
		liar.At = r.in.Now.Add(5 * time.Second)
		r.in.Pods = append(r.in.Pods, liar)
		r.in.Now = liar.At
		for i := range 3 {
			r.work(&r.in.Pods[i], 500, 0)
		}
		wantNear(t, "arrival rate", r.tick().ArrivalRate, 300, 20)
	})
	t.Run("long handlers that end together are believed", func(t *testing.T) {
		r := newRig(t, 2)
		r.law.Capacity = 1
		for i := range 48 {
			r.in.Now = r.in.Now.Add(5 * time.Second)
			for j := range r.in.Pods {
				p := &r.in.Pods[j]
				p.At, p.InFlight = r.in.Now, 10
				if i%12 == 11 { // Twenty handlers of a minute each.
					p.Acked, p.Left, p.Delivered, p.AckedSeconds = p.Acked+20, p.Left+20, p.Delivered+20, p.AckedSeconds+1200
					p.Frontier = r.in.Now
				}
			}
			if r.tick().Explanation.Scraped != 2 {
				t.Fatalf("after %d s a pod is not believed", 5*i)
			}
		}
		wantNear(t, "capacity", r.last.Capacity, 20.0/60, 0.01)
	})
}
