package demo

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"spillway/internal/demo/page"
	"spillway/internal/hpa"
)

func TestWhyItScaled(t *testing.T) {
	tests := []struct {
		sync Sync
		want string
	}{
		{
			Sync{From: 2, Because: "Monitoring shows 16,079 messages, 3,333 a pod", Decision: hpa.Decision{Desired: 5, Reason: hpa.ReasonMetric}},
			"scaled 2 to 5 because Monitoring shows 16,079 messages, 3,333 a pod",
		},
		{
			Sync{From: 18, Because: "5.7 pods are needed", Decision: hpa.Decision{Desired: 14, Reason: hpa.ReasonScaleDownLimit}},
			"scaled 18 to 14 because 5.7 pods are needed (20 % a minute, no faster)",
		},
		{Sync{From: 25, Decision: hpa.Decision{Desired: 20, Reason: hpa.ReasonTooManyReplicas}}, "scaled 25 to 20 (at the maximum)"},
	}
	for _, tt := range tests {
		if got := scaled(tt.sync); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}

func TestTheAutoscalerInWords(t *testing.T) {
	tests := []struct {
		sync Sync
		name string
		want string
	}{
		{Sync{}, policyBacklog, "The HPA has not looked yet."},
		{
			Sync{Policy: policyDesired, Because: "14.6 pods are needed", Decision: hpa.Decision{Desired: 15, Reason: hpa.ReasonMetric}},
			policyDesired,
			"The HPA scales on desired replicas: 14.6 pods are needed, so it wants 15 replicas (DesiredWithinRange: as the metric asks).",
		},
		{
			Sync{Policy: policyBacklog, Err: errNoSeries, Decision: hpa.Decision{Desired: 4, Reason: hpa.ReasonMetricError}},
			policyBacklog,
			"The HPA scales on backlog: the metric cannot be read, so it wants 4 replicas (FailedGetExternalMetric: nothing to scale on, replicas stay).",
		},
	}
	for _, tt := range tests {
		if got := autoscalerWords(tt.sync, tt.name); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}

func TestWhereTheShowIs(t *testing.T) {
	s := offers()
	for _, tt := range []struct {
		told  time.Duration
		taken bool
		want  string
	}{
		{0, false, "steady"}, {6 * time.Minute, false, "burst"}, {6 * time.Minute, true, "in your hands"}, {time.Hour, false, "until calm"},
	} {
		if got := phase(s, tt.told, tt.taken); got != tt.want {
			t.Errorf("after %s, taken %t: %q, want %q", tt.told, tt.taken, got, tt.want)
		}
	}
	if storyTime(realPace, time.Minute) != "" || storyTime(defaultPace, time.Minute) != ", 1m00s in the story, which is told 12 times as fast" {
		t.Error(storyTime(defaultPace, time.Minute))
	}
	if ending(dialState{}) == ending(dialState{taken: true}) {
		t.Error("it ends the same way, taken over or not")
	}
}

func TestWhatIsNotKnownIsUnknownInTheCharts(t *testing.T) {
	v := values(Frame{Reading: unread()}, unread())
	for name, got := range map[string]page.Value{
		"backlog": v.Backlog, "monitoring": v.Monitoring, "estimate": v.Estimate, "asked": v.Asked, "p50": v.P50, "p99": v.P99,
	} {
		if got.Known() {
			t.Errorf("%s is %g", name, float64(got))
		}
	}
	known := values(Frame{
		Arriving: 300, Handling: 200, Backlog: messagesOf(7), Replicas: Replicas{Wanted: 3, Serving: 2},
		Latest: Ages{P50: 50 * time.Millisecond, P99: 2 * time.Second, Known: true},
	}, shows(5))
	want := page.Values{
		Arriving: 300, Settled: 200, Backlog: 7, Monitoring: 5, Estimate: page.Unknown(), Wanted: 3, Serving: 2, Asked: page.Unknown(), P50: 0.05, P99: 2,
	}
	sameUnknown := cmp.Comparer(func(a, b page.Value) bool { return a == b || !a.Known() && !b.Known() })
	if diff := cmp.Diff(want, known, sameUnknown); diff != "" {
		t.Error(diff)
	}
}

func TestThePagesLedgerSaysEachChangeOnce(t *testing.T) {
	a, _ := stagedAct(t, DefaultOptions())
	r := reporter{act: a}
	held := reading{state: stateHeld, monitoring: 5, age: 30 * time.Second}
	gone := reading{state: "absent", monitoring: page.Unknown()}
	for _, step := range []struct {
		frame Frame
		read  reading
	}{
		{Frame{}, unread()},
		{Frame{}, shows(5)}, // Silent: that there is something at first is no news.
		{Frame{Told: 6 * time.Minute}, shows(5)},
		{Frame{Told: 6 * time.Minute}, held},
		{Frame{Told: 6 * time.Minute, Counts: Counts{Redelivered: 10}}, held},
		{Frame{Told: 6 * time.Minute, Counts: Counts{Redelivered: 10}, Faults: []string{"worker-3 ended by itself"}}, gone},
		{Frame{Told: 6 * time.Minute, Counts: Counts{Redelivered: 10}, Faults: []string{"worker-3 ended by itself"}}, gone},
		{Frame{Told: 6 * time.Minute, Counts: Counts{Redelivered: 11}, Faults: []string{"worker-3 ended by itself"}}, shows(6)},
	} {
		r.notes(step.frame, step.read)
	}
	var got []string
	for _, e := range a.board.Events() {
		got = append(got, e.Kind+": "+e.Text)
	}
	want := []string{
		"story: steady: 300 msg/s arrive",
		"story: burst: 3,000 msg/s arrive",
		"monitoring: " + held.words(),
		"monitoring: 10 messages were delivered again",
		"monitoring: " + gone.words(),
		"fault: worker-3 ended by itself",
		"monitoring: " + shows(6).words(),
		"monitoring: 1 message was delivered again",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
