package nowcast_test

import (
	"testing"
	"time"
)

// skewed delivers like pass, from pods whose clocks differ by 1.5 s each, the second being right.
func (r *rig) skewed(seconds int, perPod float64, age time.Duration) {
	r.t.Helper()
	for range seconds / 5 {
		r.in.Now = r.in.Now.Add(5 * time.Second)
		for i := range r.in.Pods {
			p := &r.in.Pods[i]
			r.work(p, 5*perPod, age)
			p.Frontier = p.Frontier.Add(time.Duration(i-1) * 1500 * time.Millisecond)
		}
		r.tick()
	}
}

func TestThePodsClocksAreLearnedWhileNothingWaits(t *testing.T) {
	t.Run("then a backlog is as old as it is", func(t *testing.T) {
		r := newRig(t, 2) // One clock is 1.5 s behind, one is right.
		r.skewed(120, 100, 0)
		r.skewed(5, 200, 3*time.Second)
		if age := r.last.Explanation.Age; age < 2.9 || age > 3.1 {
			t.Errorf("messages of 3 s look %.2f s old", age)
		}
	})
	t.Run("of messages that are rare nothing can be learned", func(t *testing.T) {
		r := newRig(t, 1)
		r.pass(120, 1, 1500*time.Millisecond) // As they are when the worker does not say when it was given them.
		if age := r.pass(5, 1, 1500*time.Millisecond).Explanation.Age; age < 1.4 {
			t.Errorf("an age of 1.5 s was taken for the clock's: %.2f s", age)
		}
	})
	t.Run("nor while messages wait", func(t *testing.T) {
		r := newRig(t, 2)
		if age := r.pass(300, 200, 3*time.Second).Explanation.Age; age < 2.9 {
			t.Errorf("a backlog of 3 s was taken for the clocks': %.2f s", age)
		}
	})
	t.Run("nor of a clock that is beyond all bounds", func(t *testing.T) {
		r := newRig(t, 2)
		r.in.Pods[0].Frontier = r.start.Add(time.Hour)
		for range 24 {
			r.in.Now = r.in.Now.Add(5 * time.Second)
			for i := range r.in.Pods {
				r.work(&r.in.Pods[i], 500, 0)
				r.in.Pods[i].Frontier = r.in.Now.Add(time.Hour)
			}
			r.tick()
		}
		if age := r.pass(5, 200, 3*time.Second).Explanation.Age; age < 2.9 || age > 3.1 {
			t.Errorf("after an hour ahead messages of 3 s look %.2f s old", age)
		}
	})
}

func TestTheAgeIsThatOfMostPods(t *testing.T) {
	r := newRig(t, 8)
	r.pass(120, 200, 5*time.Second)
	for _, wrong := range []time.Duration{time.Hour, -time.Hour} {
		r.in.Now = r.in.Now.Add(5 * time.Second)
		for i := range r.in.Pods {
			r.work(&r.in.Pods[i], 1000, 5*time.Second)
		}
		r.in.Pods[3].Frontier = r.in.Pods[3].Frontier.Add(-wrong)
		if age := r.tick().Explanation.Age; age < 4.5 || age > 5.5 {
			t.Errorf("with one pod off by %s the age is %.1f s, want 5", wrong, age)
		}
	}
}
