package monitoring

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const undeliveredMetric = "subscription/num_undelivered_messages"

func TestSamplesAreTakenOnTheMinuteAndSeenTwoMinutesLater(t *testing.T) {
	w := newWorld(t, Options{})
	w.pass(30 * time.Second)
	w.orders().Undelivered = 7
	w.pass(30 * time.Second) // Sampled at 1:00.
	w.orders().Undelivered = 9
	w.pass(119 * time.Second)
	if got := w.ints(undeliveredMetric); got != nil {
		t.Errorf("119 s after the sample a reader sees %v, want no series", got)
	}
	w.pass(time.Second)
	if diff := cmp.Diff([]int64{7}, w.ints(undeliveredMetric)); diff != "" {
		t.Errorf("120 s after the sample (-want +got):\n%s", diff)
	}
	w.pass(time.Minute)
	if diff := cmp.Diff([]int64{9, 7}, w.ints(undeliveredMetric)); diff != "" {
		t.Errorf("a minute later, newest first (-want +got):\n%s", diff)
	}
	point := w.list(w.request(undeliveredMetric)).GetTimeSeries()[0].GetPoints()[1].GetInterval()
	for _, at := range []time.Time{point.GetStartTime().AsTime(), point.GetEndTime().AsTime()} {
		if want := epoch.Add(time.Minute); !at.Equal(want) {
			t.Errorf("the point is at %s, want start and end at %s", at, want)
		}
	}
}
