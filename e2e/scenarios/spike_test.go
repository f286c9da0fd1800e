package scenarios

import (
	"testing"
	"time"

	"spillway/e2e/overlays"
	"spillway/e2e/report"
)

// The spike: what two pods carry easily, and six times as much at once for five minutes of the story. A pod handles 200
// messages a second: 32 at a time that wait 160 ms each.
const (
	spikeBase     = 250.0 // Messages per second.
	spikeMore     = 1250.0
	spikeHandling = 160 * time.Millisecond
	spikePods     = 8 // At least as many as it takes: 1500 / 200.
	spikeLasts    = 5 * time.Minute
	spikeWarmUp   = 3 * time.Minute
	unseen        = 3 * time.Minute // A sample is taken every minute and visible two later.
)

// spikeWatched is how long either policy is watched from the beginning of the spike: until the last message is old, and in the short run until
// both are at the right size.
func spikeWatched() time.Duration {
	if testing.Short() {
		return 8 * time.Minute
	}
	return 12 * time.Minute
}

func TestSpikeThroughBacklog(t *testing.T) { spike(t, overlays.PolicyBacklog(), 9, "spike-backlog") }

func TestSpikeThroughDesiredReplicas(t *testing.T) {
	if right := spike(t, overlays.PolicyDesired(), 10, "spike-desired"); right > unseen {
		t.Errorf("the right size was there after %s of the story, when Monitoring has shown the spike to everybody", right)
	}
}

func TestSpikeThroughBacklogAtItsOwnPace(t *testing.T) {
	spike(t, overlays.PolicyBacklog().AtItsOwnPace(), 11, "spike-backlog-own-pace")
}

func TestSpikeThroughDesiredReplicasAtItsOwnPace(t *testing.T) {
	spike(t, overlays.PolicyDesired().AtItsOwnPace(), 12, "spike-desired-own-pace")
}

// spike lets one come to one policy, and says how long it took to the right size, which it returns in the story's time, how old messages became,
// and what it cost. The two policies differ in what the autoscaler scales on alone.
func spike(t *testing.T, o overlays.Overlay, order int, name string) time.Duration {
	t.Helper()
	s := raise(t, o, spikeHandling, overlays.Subscription)
	section := s.section(order, name, "A spike: "+name,
		"deploy/generic with components/external-metrics: 250 messages a second, and 1500 for five minutes; a pod handles 200 a second. "+
			"The exporter scrapes the workers and answers the autoscaler.")
	s.apply(s.folder)
	const hpa = "worker"
	s.ready(namespace, "backlog-exporter", 1)
	s.ready(namespace, hpa, 2)
	book := s.book(overlays.Subscription)
	src := s.publish(overlays.Subscription, spikeBase)
	s.scalable(hpa)
	w := s.watch(section, console(), &watched{hpa: hpa, flow: overlays.Subscription, counts: counts(book)})
	w.has(hpa, "settled on 2 pods", s.bound(10*time.Minute), func(p report.Point) bool {
		return p.At > s.wall(spikeWarmUp) && p.Ready == 2 && p.Desired == 2 && p.Metric != nil
	})
	begun := time.Since(w.begun)
	src.surge(spikeMore, s.wall(spikeLasts))
	w.has(hpa, "8 pods", s.bound(spikeWatched()), func(p report.Point) bool { return p.Ready >= spikePods })
	w.has(hpa, "been watched", s.bound(spikeWatched()), func(p report.Point) bool { return p.At >= begun+s.wall(spikeWatched()) })
	s.settle(src, book)
	w.stop()
	_, ages := book.Ages(time.Now())
	total := book.Counts()
	expectHandledOnce(s, total)
	right, cost := rightSize(section.Tracks[0], begun, s.wall(spikeWatched()))
	result(t, section, "%d ready pods %s after the spike, age p50 %s, p99 %s, %.0f pod-seconds in %s, all of the story; %d messages handled, %d lost, %d twice",
		spikePods, s.story(right), s.story(ages.P50), s.story(ages.P99), cost*float64(s.factor), spikeWatched(), total.Handled, total.Waiting, total.Duplicated)
	return right * time.Duration(s.factor)
}

// rightSize is how long it took until enough pods were ready, and how many pod-seconds the autoscaler's pods took in the
// time that is watched.
func rightSize(track *report.Track, begun, watched time.Duration) (after time.Duration, podSeconds float64) {
	after = -1
	for i := range track.Points {
		p := &track.Points[i]
		if p.At < begun || p.At > begun+watched {
			continue
		}
		if after < 0 && p.Ready >= spikePods {
			after = p.At - begun
		}
		if i > 0 {
			podSeconds += float64(p.Current) * (p.At - track.Points[i-1].At).Seconds()
		}
	}
	return after, podSeconds
}
