package sim_test

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"spillway/internal/nowcast"
	"spillway/internal/sim"
)

// steady is a rate that does not change.
func steady(rate float64, seconds int) sim.Trace {
	tr := sim.Trace{Name: "steady", Arrived: make([]float64, seconds)}
	for i := range tr.Arrived {
		tr.Arrived[i] = rate
	}
	return tr
}

func run(t *testing.T, s sim.Setup) sim.Outcome {
	t.Helper()
	o, err := sim.Run(s)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestSameSeedSameOutcome(t *testing.T) {
	s := sim.DefaultSetup(sim.Spike(), sim.OnDesired(), 3)
	s.Keep = 60
	first := run(t, s)
	if diff := cmp.Diff(first, run(t, s)); diff != "" {
		t.Errorf("the second run differs:\n%s", diff)
	}
	s.Seed = 4
	if cmp.Equal(first, run(t, s)) {
		t.Error("another seed comes to the same")
	}
	if len(first.Timeline) != sim.Day/60 {
		t.Errorf("the timeline has %d points", len(first.Timeline))
	}
}

func TestFloorAndPodHours(t *testing.T) {
	o := run(t, sim.DefaultSetup(steady(500, 2*3600), sim.OnDesired(), 1))
	if math.Abs(o.Floor-6) > 1e-9 { // Three pods of 200/s for two hours.
		t.Errorf("floor %.3f pod-hours, want 6", o.Floor)
	}
	if math.Abs(o.PodHours-6) > 0.1 || o.P99 > 1 || o.SLOMinutes != 0 {
		t.Errorf("%.3f pod-hours, p99 %.0f s, %.1f minutes", o.PodHours, o.P99, o.SLOMinutes)
	}
}

func TestMoreThanTheMaximumCanDo(t *testing.T) {
	o := run(t, sim.DefaultSetup(steady(5000, 3600), sim.OnDesired(), 1))
	// 1000/s are left over: after an hour 3.6 million, and the oldest of them is 12 minutes old.
	if math.Abs(o.MaxBacklog-3.6e6) > 2e4 || math.Abs(o.MaxAge-720) > 10 || math.Abs(o.Floor-20) > 1e-9 {
		t.Errorf("backlog %.0f, oldest %.0f s, floor %.2f", o.MaxBacklog, o.MaxAge, o.Floor)
	}
}

func TestEveryMessageIsDelivered(t *testing.T) {
	for _, newest := range []float64{0, 0.3, 1} {
		s := sim.DefaultSetup(sim.Sawtooth(), sim.OnDesired(), 2)
		s.Newest = newest
		s.Keep = 1
		o := run(t, s)
		if last := o.Timeline[len(o.Timeline)-1]; last.Backlog > 200 {
			t.Errorf("newest first %.1f: %.0f messages are left in the evening", newest, last.Backlog)
		}
	}
}

func TestPodsStartLate(t *testing.T) {
	tr := steady(300, 1200)
	for i := 600; i < 1200; i++ {
		tr.Arrived[i] = 2000
	}
	tr.Onset, tr.Peak = 600, 2000
	s := sim.DefaultSetup(tr, sim.OnDesired(), 1)
	fast := run(t, s).RightSize
	s.PodStart = 90
	if slow := run(t, s).RightSize; fast < 30 || slow < fast+55 {
		t.Errorf("right size after %d s with 30 s of start, after %d s with 90 s", fast, slow)
	}
}

func TestMonitoringIsLate(t *testing.T) {
	s := sim.DefaultSetup(steady(300, 900), sim.OnBacklog(40000), 1)
	s.Keep = 1
	s.Trace.Arrived[300] += 1e5
	seen := 0
	for _, p := range run(t, s).Timeline {
		if p.Sample > 5e4 && seen == 0 {
			seen = p.Second
		}
	}
	if seen < 300+180 || seen > 300+240 {
		t.Errorf("100000 messages of second 300 are seen at %d, want 180 to 240 s later", seen)
	}
}

func TestSetupIsValidated(t *testing.T) {
	s := sim.DefaultSetup(sim.Trace{}, sim.OnDesired(), 1)
	s.PodRate, s.Policy.Spec.MaxReplicas, s.Policy.Law = math.NaN(), 0, nowcast.Law{}
	_, err := sim.Run(s)
	for _, want := range []string{"trace", "pod rate", "maxReplicas", "headroom"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v does not name %s", err, want)
		}
	}
}

func TestReadCSV(t *testing.T) {
	tests := []struct {
		name, csv string
		want      []float64
		problem   string
	}{
		{name: "rates last until the next row", csv: "0,10\n2,20\n4,5\n", want: []float64{10, 10, 20, 20, 5, 5}},
		{name: "with a heading and Unix time", csv: "time, rate\n1700000000, 1\n1700000001, 2\n", want: []float64{1, 2}},
		{name: "one row", csv: "0,10\n", problem: "two rows"},
		{name: "empty", csv: "", problem: "two rows"},
		{name: "time falls", csv: "0,1\n5,1\n3,1\n", problem: "row 3"},
		{name: "a negative rate", csv: "0,1\n5,-1\n", problem: "row 2"},
		{name: "no number", csv: "0,1\n5,x\n", problem: "row 2"},
		{name: "not a number", csv: "0,1\n5,NaN\n", problem: "row 2"},
		{name: "too long", csv: "0,1\n1e12,1\n", problem: "31 days"},
		{name: "three columns", csv: "0,1,2\n", problem: "fields"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := sim.ReadCSV("trace", strings.NewReader(tt.csv))
			if tt.problem != "" {
				if !errors.Is(err, sim.ErrBadTrace) || !strings.Contains(err.Error(), tt.problem) {
					t.Fatalf("error %v, want one about %q", err, tt.problem)
				}
				return
			}
			if diff := cmp.Diff(tt.want, got.Arrived); err != nil || diff != "" {
				t.Errorf("error %v\n%s", err, diff)
			}
		})
	}
}

func FuzzReadCSV(f *testing.F) {
	f.Add("0,10\n2,20\n4,5\n")
	f.Add("time,rate\n1.5,1e3\n2.5,0\n")
	f.Fuzz(func(t *testing.T, csv string) {
		tr, err := sim.ReadCSV("trace", strings.NewReader(csv))
		if err != nil {
			if !errors.Is(err, sim.ErrBadTrace) || len(tr.Arrived) != 0 {
				t.Fatalf("error %v came with %d seconds", err, len(tr.Arrived))
			}
			return
		}
		for _, rate := range tr.Arrived {
			if !(rate >= 0 && rate <= 1e12) {
				t.Fatalf("a rate of %v", rate)
			}
		}
	})
}
