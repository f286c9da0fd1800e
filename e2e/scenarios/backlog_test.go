package scenarios

import (
	"context"
	"fmt"
	"testing"
	"time"

	"spillway/e2e/overlays"
	"spillway/e2e/report"
	"spillway/internal/demo"
)

// The flow of the backlog scenarios: what two pods carry easily, and a burst on top of it that is worth several pods at
// 40000 messages each.
const (
	steadyRate = 200.0 // Messages per second.
	handling   = 20 * time.Millisecond
	burst      = 400_000
	shortBurst = 170_000
)

func TestBacklog(t *testing.T) {
	s := raise(t, overlays.Backlog(), handling, overlays.Subscription)
	section := s.section(1, "backlog", "Backlog through Prometheus and the Prometheus adapter",
		"deploy/generic: a burst of messages on a steady flow, the exporter as a Deployment, the autoscaler at 40000 per pod between 2 and 20.")
	s.prometheus("")
	s.adapter("", "apiservice-external.yaml")
	s.apply(s.folder)
	s.ready(namespace, "backlog-exporter", 1)
	result(t, section, "%s", upAndDown(s, section, burstSize()))
}

func TestBacklogWithTheExporterAsSidecar(t *testing.T) {
	s := raise(t, overlays.BacklogSidecar(), handling, overlays.Subscription)
	section := s.section(2, "backlog-sidecar", "The same with an exporter beside each worker",
		"deploy/generic with components/exporter-sidecar: every pod has the series, and the adapter's rule takes the largest.")
	s.prometheus("")
	s.adapter("", "apiservice-external.yaml")
	s.apply(s.folder)
	result(t, section, "%s", upAndDown(s, section, burstSize()))
}

func TestBacklogAtItsOwnPace(t *testing.T) {
	s := raise(t, overlays.BacklogAtItsOwnPace(), ownPaceHandling, overlays.Subscription)
	section := s.section(3, "backlog-own-pace", "Backlog at its own pace",
		"The first scenario with nothing shortened: samples every 60 s that are visible after 120 s, a sync every 15 s, five minutes of hesitation.")
	s.prometheus("")
	s.adapter("", "apiservice-external.yaml")
	s.apply(s.folder)
	s.ready(namespace, "backlog-exporter", 1)
	result(t, section, "%s", upAndDown(s, section, ownPaceBurst))
}

// At its own pace the burst waits for three minutes until the autoscaler sees it, and the machine is to be left alone: a
// pod carries 320 messages a second.
const (
	ownPaceBurst    = 250_000
	ownPaceHandling = 100 * time.Millisecond
)

func burstSize() int64 {
	if testing.Short() {
		return shortBurst
	}
	return burst
}

// upAndDown lets a burst come to a flow that two pods carry, waits until the autoscaler has added pods and taken them away
// again, and holds that every message was handled once. It returns what is to be said of it.
func upAndDown(s *stage, section *report.Section, size int64) string {
	s.t.Helper()
	const hpa = "worker"
	s.ready(namespace, hpa, 2)
	s.scalable(hpa)
	book := s.book(overlays.Subscription)
	src := s.publish(overlays.Subscription, steadyRate)
	w := s.watch(section, console(), &watched{hpa: hpa, flow: overlays.Subscription, counts: counts(book)})
	w.has(hpa, "a metric", s.bound(10*time.Minute), func(p report.Point) bool { return p.Metric != nil && p.Ready == 2 && p.Handled > 0 })
	begun := time.Since(w.begun)
	src.burst.Add(size)
	w.has(hpa, "more pods", s.bound(15*time.Minute), func(p report.Point) bool { return p.Ready > 2 && p.Ready == p.Desired })
	w.has(hpa, "2 pods again", s.bound(60*time.Minute), func(p report.Point) bool { return p.Ready == 2 && p.Desired == 2 && p.Current == 2 })
	s.settle(src, book)
	w.stop()
	seen := summarize(section.Tracks[0], begun)
	total := book.Counts()
	expectHandledOnce(s, total)
	if want := int32(4); seen.most < want || seen.removed < int(want)-2 {
		s.t.Errorf("at most %d pods and %d taken away, want %d and more", seen.most, seen.removed, want)
	}
	return fmt.Sprintf("2 to %d to 2 pods, the most after %s of the story, %d pods drained; %d messages handled, %d lost, %d twice; "+
		"the autoscaler saw up to %.0f, the truth was up to %d", seen.most, s.story(seen.mostAfter), seen.removed, total.Handled, total.Waiting, total.Duplicated,
		seen.highestMetric, seen.highestBacklog)
}

// bound is for a stretch of the story on a machine that may be busy.
func (s *stage) bound(story time.Duration) time.Duration { return patience + s.wall(story) }

// story names a stretch of wall time in the story's.
func (s *stage) story(wall time.Duration) string {
	return (wall * time.Duration(s.factor)).Round(time.Second).String()
}

// counts are a ledger's, for the table.
func counts(book *demo.Ledger) func() (int64, int64) {
	return func() (int64, int64) {
		c := book.Counts()
		return c.Published, c.Handled
	}
}

// settle ends a source and waits until all that it published has been handled and acknowledged.
func (s *stage) settle(src *source, book *demo.Ledger) {
	s.t.Helper()
	if err := src.stop(); err != nil {
		s.t.Fatal(err)
	}
	if failed := src.publisher.Counts().Failed; failed != 0 {
		s.t.Errorf("%d messages could not be published: %v", failed, src.publisher.LastError())
	}
	s.until(patience, func(context.Context) error {
		if c := book.Counts(); c.Waiting != 0 {
			return fmt.Errorf("%d messages wait: %+v; %v", c.Waiting, c, book.Missing(5))
		}
		return nil
	})
}

// expectHandledOnce holds the ledger to it.
func expectHandledOnce(s *stage, c demo.Counts) {
	s.t.Helper()
	if c.Published == 0 || c.Handled != c.Published || c.Waiting != 0 || c.Duplicated != 0 || c.Unconfirmed != 0 {
		s.t.Errorf("not every message was handled once: %+v", c)
	}
}

// seen is what a track shows after a moment.
type seen struct {
	most      int32         // ready pods
	mostAfter time.Duration // until then
	removed   int           // pods, over all the scale-ins
	// highestMetric and highestBacklog are what the autoscaler was told and what was true.
	highestMetric  float64
	highestBacklog int64
}

func summarize(t *report.Track, after time.Duration) seen {
	var found seen
	for i := range t.Points {
		p := &t.Points[i]
		if p.At < after {
			continue
		}
		if p.Ready > found.most {
			found.most, found.mostAfter = p.Ready, p.At-after
		}
		if i > 0 && p.Current < t.Points[i-1].Current {
			found.removed += int(t.Points[i-1].Current - p.Current)
		}
		if p.Metric != nil {
			found.highestMetric = max(found.highestMetric, *p.Metric)
		}
		if p.Backlog != nil {
			found.highestBacklog = max(found.highestBacklog, *p.Backlog)
		}
	}
	return found
}
