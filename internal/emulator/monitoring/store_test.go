package monitoring

import (
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestPointsAreKeptForTheWindow(t *testing.T) {
	w := newWorld(t, Options{VisibilityDelay: NoDelay, Window: 3 * minute})
	for n := range int64(6) {
		w.orders().Undelivered = n
		w.pass(minute)
	}
	if diff := cmp.Diff([]int64{5, 4, 3}, w.ints(undeliveredMetric)); diff != "" {
		t.Errorf("points within three minutes (-want +got):\n%s", diff)
	}
}

func TestTheSeriesOfADeletedSubscriptionEndWithTheWindow(t *testing.T) {
	w := newWorld(t, Options{Window: 3 * minute})
	w.pass(minute)
	if w.server.store.count == 0 {
		t.Fatal("no series")
	}
	w.state.Subscriptions = nil
	w.pass(3 * minute)
	left := 0
	for _, resources := range w.server.store.byMetric {
		left += len(resources)
	}
	if left != 0 || w.server.store.count != 0 {
		t.Errorf("%d subscriptions and %d series are left", left, w.server.store.count)
	}
}

func TestAllPointsTogetherStayBelowTheCap(t *testing.T) {
	const most = 2000
	w := newWorld(t, Options{MaxPoints: most, SamplePeriod: time.Second})
	w.state = busy()
	for n := range 4 {
		w.state.Subscriptions = append(w.state.Subscriptions, SubscriptionState{Project: "p", ID: strconv.Itoa(n)})
		w.pass(200 * time.Second)
		points, room := 0, 0
		for _, resources := range w.server.store.byMetric {
			for _, list := range resources {
				for _, s := range list {
					points, room = points+len(s.points), room+cap(s.points)
				}
			}
		}
		if points > most || room > 3*most {
			t.Errorf("%d points in room for %d, want at most %d", points, room, most)
		}
		if least := most - w.server.store.count; points < least {
			t.Errorf("%d points, want the cap used up to %d", points, least)
		}
	}
}

func TestEverySeriesKeepsItsNewestPointsHoweverManySeriesThereAre(t *testing.T) {
	w := newWorld(t, Options{MaxPoints: 1, VisibilityDelay: NoDelay})
	w.pass(20 * minute)
	if got := len(w.ints(undeliveredMetric)); got != minSeriesPoints {
		t.Errorf("%d points, want %d", got, minSeriesPoints)
	}
}
