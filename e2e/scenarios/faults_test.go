package scenarios

import (
	"context"
	"fmt"
	"math"
	"testing"
	"time"

	"spillway/e2e/ledger"
	"spillway/e2e/overlays"
	"spillway/e2e/report"
	"spillway/internal/demo"
)

// The flow of the faults. While a message takes slowHandling, the pods carry just what comes, so that the backlog stays;
// with handling they work it off. What is left each time is well below what the pods of that time are for, so that neither
// rounding nor the autoscaler's tolerance of 10 % decides.
const (
	faultsRate   = 60.0
	slowHandling = 2 * time.Second // 16 messages a second for each pod.
	forFivePods  = 183_000
	forFourPods  = 140_000
	forThreePods = 100_000
	forTwoPods   = 60_000
)

// How long the faults last, of the story.
const (
	// blindFor is longer than the autoscaler's window of 300 s: what it was told before counts no longer, so that its
	// refusal to decide without a metric is all that holds the pods.
	blindFor = 7 * time.Minute
	// silentFor is as much longer than the exporter repeats a value: 3 minutes until the next sample is due and 5 of --hold.
	// Of ten minutes the autoscaler would be blind for less than its window.
	silentFor = 15 * time.Minute
	awayFor   = 2 * time.Minute
)

func TestFaults(t *testing.T) {
	s := raiseNodes(t, 2, overlays.Backlog(), slowHandling, overlays.Subscription)
	section := s.section(9, "faults", "Faults: nothing that breaks takes pods away",
		"deploy/generic on two nodes. The exporter is killed whenever it starts, Prometheus is stopped, Cloud Monitoring is silent; each time the backlog "+
			"falls by a pod's worth, unseen. Then the API server is away while a burst comes, and the exporter's node is lost for good.")
	s.prometheus("")
	s.adapter("", "apiservice-external.yaml")
	s.apply(s.folder)
	s.ready(namespace, exporter, 1)
	s.ready(namespace, worker, 2)
	s.scalable(worker)
	f := &faults{stage: s, section: section, book: s.book(overlays.Subscription), src: s.publish(overlays.Subscription, faultsRate)}
	f.src.burst.Add(forFivePods)
	f.watch = s.watch(section, console(), &watched{hpa: worker, flow: overlays.Subscription, counts: counts(f.book)})
	f.settled(5)

	f.blinded("the exporter killed", blind{pods: 5, left: forFourPods, lasts: blindFor, strike: f.killTheExporter})
	f.blinded("Prometheus stopped", blind{pods: 4, left: forThreePods, lasts: blindFor, strike: f.stopPrometheus})
	f.blinded("Cloud Monitoring silent", blind{pods: 3, left: forTwoPods, lasts: silentFor, strike: f.silenceMonitoring})
	f.killTheAPIServer(forThreePods-forTwoPods, 3)
	if c := f.book.Counts(); c.Duplicated != 0 {
		t.Errorf("%d messages were handled twice although no worker was killed", c.Duplicated)
	}
	bound := f.loseTheExportersNode(3)

	f.work(handling)
	f.settled(2)
	s.settle(f.src, f.book)
	f.watch.stop()
	total := f.book.Counts()
	if total.Handled != total.Published || total.Unconfirmed != 0 || total.Duplicated > bound {
		t.Errorf("want every message handled, and at most %d twice: %+v", bound, total)
	}
	result(t, section, "5 faults, none took a pod away; %d messages handled, %d lost, %d twice of at most %d in hand on the lost node",
		total.Handled, total.Waiting, total.Duplicated, bound)
}

// faults is the story of one worker through all of them.
type faults struct {
	*stage
	section *report.Section
	book    *demo.Ledger
	src     *source
	watch   *watch
}

// now is a moment of the track.
func (f *faults) now() time.Duration { return time.Since(f.watch.begun) }

// work says how long a message takes from now on.
func (f *faults) work(wait time.Duration) { f.ledger.SetWork(ledger.Work{Wait: wait}) }

// settled waits until the autoscaler knows what it does, and has that many pods.
func (f *faults) settled(pods int32) {
	f.t.Helper()
	f.watch.has(worker, fmt.Sprintf("a metric and %d pods", pods), f.bound(15*time.Minute), func(p report.Point) bool {
		return p.Metric != nil && p.Desired == pods && p.Current == pods && p.Ready == pods
	})
}

// reached waits until a moment of the track.
func (f *faults) reached(moment time.Duration) {
	f.t.Helper()
	f.until(patience+moment, func(context.Context) error {
		if now := f.now(); now < moment {
			return fmt.Errorf("it is %s, not yet %s", now, moment)
		}
		return nil
	})
}

// held holds points to at least that many pods by a count, and returns the least of them.
func (f *faults) held(what string, points []report.Point, pods int32, count func(*report.Point) int32) (least int32) {
	f.t.Helper()
	if len(points) == 0 {
		f.t.Fatalf("%s: nobody looked", what)
	}
	least = count(&points[0])
	for i := range points {
		p := &points[i]
		if least = min(least, count(p)); least < pods {
			f.t.Fatalf("%s: at %s the autoscaler wants %d of %d pods, %d of them ready; want %d and more", what, p.At, p.Desired, p.Current, p.Ready, pods)
		}
	}
	return least
}

// untilTold are the points up to the first one after a moment at which the autoscaler is told something.
func untilTold(points []report.Point, after time.Duration) []report.Point {
	for i := range points {
		if points[i].At >= after && points[i].Metric != nil {
			return points[:i]
		}
	}
	return points
}

// wanted are the pods that the autoscaler wants, and had those that are there too, and ready.
func wanted(p *report.Point) int32 { return p.Desired }

func had(p *report.Point) int32 { return min(p.Desired, p.Current, p.Ready) }

// blind is a fault in which the autoscaler is told nothing.
type blind struct {
	pods   int32         // while it lasts; one less is enough afterwards
	left   int64         // messages, to which the backlog falls unseen
	lasts  time.Duration // of the story
	strike func() (mend func())
}

// blinded lets the backlog fall while the autoscaler cannot see it: it keeps its pods until it can, and then takes one away.
func (f *faults) blinded(what string, b blind) {
	f.t.Helper()
	begun := f.now()
	mend := b.strike()
	f.work(handling)
	f.until(patience, func(ctx context.Context) error {
		left, err := f.state.backlog(ctx, overlays.Subscription)
		if err == nil && left > b.left {
			err = fmt.Errorf("%d messages wait, more than %d", left, b.left)
		}
		return err
	})
	f.work(slowHandling)
	f.cannotRead()
	f.reached(begun + f.wall(b.lasts))
	f.held(what, f.watch.since(worker, begun), b.pods, had)
	mended := f.now()
	mend()
	f.settled(b.pods - 1)
	settled := f.now()
	points := untilTold(f.watch.since(worker, begun), mended)
	least := f.held(what, points, b.pods, had)
	note(f.section, "%s for %s of the story: never fewer than %d pods at %d looks until the autoscaler was told something, while the backlog fell below %d unseen; "+
		"%d pods %s after the fault", what, f.story(mended-begun), least, len(points), b.left, b.pods-1, f.story(settled-mended))
}

// cannotRead waits until the autoscaler itself says that it cannot read its metric.
func (f *faults) cannotRead() {
	f.t.Helper()
	f.until(patience, func(ctx context.Context) error {
		active, err := f.scalingActive(ctx, worker)
		if err != nil {
			return err
		}
		if active.Reason != "FailedGetExternalMetric" {
			return fmt.Errorf("the autoscaler is still told something: ScalingActive is %s: %s: %s", active.Status, active.Reason, active.Message)
		}
		return nil
	})
}

// killedBound is how many messages may be handled twice when that many pods are killed: those in hand, and those whose
// acknowledgements were still to be sent, as docs/reliability.md has it.
func killedBound(pods int) int64 {
	const concurrency, unsent = 32, 150 * time.Millisecond
	perSecond := concurrency / slowHandling.Seconds()
	return int64(pods) * (concurrency + int64(math.Ceil(perSecond*unsent.Seconds())))
}
