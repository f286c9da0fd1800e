package demo

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"spillway/internal/demo/page"
	"spillway/internal/hpa"
)

func messagesOf(n int64) Level { return Level{Messages: n, Known: true} }

func TestLostIsWhatCanNeitherWaitNorHaveBeenHandled(t *testing.T) {
	tests := []struct {
		name          string
		before, after Counts
		backlog       Level
		want          int64
	}{
		{"all handled", Counts{Published: 10}, Counts{Published: 10}, messagesOf(0), 0},
		{"all wait in the queue", Counts{Published: 10}, Counts{Published: 10, Waiting: 4}, messagesOf(4), 0},
		{"handled and not yet acknowledged", Counts{Published: 10}, Counts{Published: 10, Waiting: 2}, messagesOf(4), 0},
		{"published while the backlog was read", Counts{Published: 10}, Counts{Published: 15, Waiting: 9}, messagesOf(4), 0},
		{"two are nowhere", Counts{Published: 10}, Counts{Published: 10, Waiting: 6}, messagesOf(4), 2},
		{"at rest it is exact", Counts{Published: 10}, Counts{Published: 10, Waiting: 3}, messagesOf(0), 3},
		{"a backlog that is not known proves nothing", Counts{Published: 10}, Counts{Published: 10, Waiting: 10}, Level{}, 0},
	}
	for _, tt := range tests {
		tr := newTracker(offers(), realPace, 50*time.Millisecond)
		tr.observe(observation{before: tt.before, after: tt.after, backlog: tt.backlog})
		if tr.frame.Lost != tt.want {
			t.Errorf("%s: %d lost, want %d", tt.name, tr.frame.Lost, tt.want)
		}
	}
}

func TestRatesAreOfTheLastSecond(t *testing.T) {
	tr := newTracker(offers(), realPace, 50*time.Millisecond)
	for i := range int64(20) { // 100 a second for 2.5 s, then 1000.
		published := i * 25
		if i > 10 {
			published = 250 + (i-10)*250
		}
		tr.observe(observation{elapsed: time.Duration(i) * 250 * time.Millisecond, after: Counts{Published: published, Handled: i * 10}})
		switch f := tr.frame; i {
		case 0:
			if f.Arriving != 0 {
				t.Errorf("a rate of %g before any time has passed", f.Arriving)
			}
		case 10:
			if f.Arriving != 100 || f.Handling != 40 {
				t.Errorf("steady: %g and %g", f.Arriving, f.Handling)
			}
		case 14:
			if f.Arriving != 1000 {
				t.Errorf("a second into the burst: %g", f.Arriving)
			}
		}
	}
}

func TestPeaksAndBounds(t *testing.T) {
	tr := newTracker(offers(), realPace, 50*time.Millisecond)
	wanted := []int{2, 6, 14, 2}
	for i, backlog := range []Level{messagesOf(5), {}, messagesOf(9), messagesOf(1)} {
		tr.observe(observation{
			elapsed: time.Duration(i) * time.Second, after: Counts{Published: 100, Waiting: 1}, backlog: backlog, replicas: Replicas{Wanted: wanted[i]},
		})
	}
	f := tr.frame
	if f.PeakBacklog != messagesOf(9) || f.PeakMonitoring.Known || f.Fewest != 2 || f.Most != 14 {
		t.Errorf("peak %+v and %+v, replicas %d to %d", f.PeakBacklog, f.PeakMonitoring, f.Fewest, f.Most)
	}
}

func TestTheFirstScaleUpIsCountedFromTheBurst(t *testing.T) {
	burst := offers().Begin("burst")
	syncs := []Sync{
		{At: burst - time.Minute, From: 2, Decision: hpa.Decision{Desired: 3, Rescale: true}}, // Not the burst's.
		{At: burst + time.Minute, From: 3, Decision: hpa.Decision{Desired: 3}},
		{At: burst + 2*time.Minute, From: 3, Decision: hpa.Decision{Desired: 2, Rescale: true}},
		{At: burst + 3*time.Minute, From: 2, Decision: hpa.Decision{Desired: 20, Rescale: true}},
		{At: burst + 4*time.Minute, From: 2, Err: errNoSeries, Decision: hpa.Decision{Desired: 20, Rescale: true, Reason: hpa.ReasonMetricError}},
	}
	tr := newTracker(offers(), realPace, 50*time.Millisecond)
	for _, s := range syncs {
		tr.sync(s)
	}
	f := tr.frame
	if f.Raise != 3*time.Minute || f.Reason != hpa.ReasonMetricError {
		t.Errorf("raised after %s, last reason %s", f.Raise, f.Reason)
	}
}

// shows is a reading of what Monitoring shows.
func shows(n int64) reading {
	r := unread()
	r.state, r.monitoring = stateFresh, page.Value(n)
	return r
}

func TestWhatMonitoringShowsIsUnknownWhenTheExporterIsSilent(t *testing.T) {
	tr := newTracker(offers(), realPace, 50*time.Millisecond)
	tr.observe(observation{reading: shows(90000)})
	if tr.frame.Monitoring != messagesOf(90000) {
		t.Errorf("got %+v", tr.frame.Monitoring)
	}
	tr.observe(observation{reading: unread()})
	if tr.frame.Monitoring.Known || tr.frame.PeakMonitoring != messagesOf(90000) {
		t.Errorf("got %+v, peak %+v", tr.frame.Monitoring, tr.frame.PeakMonitoring)
	}
}

func TestPodSecondsAndRightSize(t *testing.T) {
	begin := offers().Begin("burst")
	tr := newTracker(offers(), defaultPace, 50*time.Millisecond) // The burst needs 3000 / 200 workers.
	see := func(at time.Duration, r Replicas) {
		tr.observe(observation{elapsed: defaultPace.Wall(at), replicas: r, reading: unread()})
	}
	see(0, Replicas{Wanted: 15, Serving: 15}) // Before the burst, so by chance.
	see(begin, Replicas{Wanted: 2, Serving: 2})
	see(begin+time.Minute, Replicas{Wanted: 15, Serving: 14, Draining: 1})
	if tr.frame.RightSize != 0 {
		t.Errorf("right after %s with 14 workers", tr.frame.RightSize)
	}
	see(begin+2*time.Minute, Replicas{Wanted: 15, Serving: 15})
	see(begin+3*time.Minute, Replicas{Wanted: 2, Serving: 2})
	if tr.frame.RightSize != 2*time.Minute {
		t.Errorf("right after %s", tr.frame.RightSize)
	}
	if want := 15*25 + 2*5 + 16*5 + 15*5.0; math.Abs(tr.frame.PodSeconds-want) > 1e-6 {
		t.Errorf("%g pod-seconds, want %g", tr.frame.PodSeconds, want)
	}
}

func TestTheHistoryHasAPointForEveryStep(t *testing.T) {
	tr := newTracker(offers(), realPace, 50*time.Millisecond)
	see := func(at time.Duration, backlog Level, replicas int) {
		tr.observe(observation{elapsed: at, backlog: backlog, replicas: Replicas{Wanted: replicas}})
	}
	see(0, messagesOf(1), 2)
	see(time.Second, messagesOf(9), 2)
	see(2*time.Second, messagesOf(3), 3) // The same step: the greatest of each stays.
	see(3*historyStep, Level{}, 4)       // Two steps were skipped.
	want := []Point{
		{Backlog: messagesOf(9), Replicas: 3},
		{Replicas: 4},
		{Replicas: 4},
		{Replicas: 4},
	}
	if diff := cmp.Diff(want, tr.frame.History); diff != "" {
		t.Error(diff)
	}
}
