package scenarios

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"spillway/e2e/report"
)

// watched is one autoscaler that is looked at: its own state, its Deployment's, and its flow's.
type watched struct {
	hpa   string // of the Deployment too
	track *report.Track
	// flow names the subscription; empty without one.
	flow string
	// counts gives what arrived and what was handled so far.
	counts func() (arrived, handled int64)
}

// watch looks at autoscalers once a period, prints the table and keeps every point.
type watch struct {
	stage *stage
	table *report.Table
	all   []*watched
	begun time.Time
	stop  func() // Ends the watching and waits for it; further calls do nothing.

	mu   sync.Mutex
	last map[string]report.Point // By autoscaler.
}

// watch begins to watch. The table, printed to out, has a line for every change and at least every 30 seconds of the story.
func (s *stage) watch(section *report.Section, out io.Writer, all ...*watched) *watch {
	s.t.Helper()
	w := &watch{stage: s, all: all, begun: time.Now(), last: map[string]report.Point{}}
	for _, one := range all {
		one.track = s.describe(one.hpa)
		section.Tracks = append(section.Tracks, one.track)
	}
	w.table = report.NewTable(out, s.factor, max(2*time.Second, s.wall(30*time.Second)), section.Tracks...)
	ctx, cancel := context.WithCancel(context.WithoutCancel(s.t.Context()))
	var done sync.WaitGroup
	done.Go(func() { w.run(ctx) })
	w.stop = func() {
		cancel()
		done.Wait()
	}
	s.t.Cleanup(w.stop)
	return w
}

// describe is the track of an autoscaler, without points.
func (s *stage) describe(name string) *report.Track {
	s.t.Helper()
	hpa, err := s.cluster.Client().AutoscalingV2().HorizontalPodAutoscalers(namespace).Get(s.t.Context(), name, metav1.GetOptions{})
	if err != nil {
		s.t.Fatal(err)
	}
	m := hpa.Spec.Metrics[0]
	if m.External != nil {
		return &report.Track{Name: name, Metric: m.External.Metric.Name, Target: m.External.Target.AverageValue.AsApproximateFloat64()}
	}
	if m.Resource != nil {
		return &report.Track{Name: name, Metric: "percent of the requested " + m.Resource.Name.String(), Target: float64(*m.Resource.Target.AverageUtilization)}
	}
	return &report.Track{Name: name, Metric: m.Pods.Metric.Name + " of a pod", Target: m.Pods.Target.AverageValue.AsApproximateFloat64()}
}

// period is that of the looks: a second, or five of the real thing.
func (w *watch) period() time.Duration { return max(time.Second, w.stage.wall(5*time.Second)) }

func (w *watch) run(ctx context.Context) {
	ticker := time.NewTicker(w.period())
	defer ticker.Stop()
	for {
		for _, one := range w.all {
			w.look(ctx, one)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// look adds a point. While the API server does not answer there is none.
func (w *watch) look(ctx context.Context, one *watched) {
	ctx, cancel := context.WithTimeout(ctx, requestLimit)
	defer cancel()
	client := w.stage.cluster.Client()
	hpa, err := client.AutoscalingV2().HorizontalPodAutoscalers(namespace).Get(ctx, one.hpa, metav1.GetOptions{})
	if err != nil {
		return
	}
	deployment, err := client.AppsV1().Deployments(namespace).Get(ctx, hpa.Spec.ScaleTargetRef.Name, metav1.GetOptions{})
	if err != nil {
		return
	}
	p := report.Point{Desired: hpa.Status.DesiredReplicas, Current: hpa.Status.CurrentReplicas, Ready: deployment.Status.ReadyReplicas}
	p.Metric = w.stage.metric(ctx, hpa)
	if one.flow != "" {
		if n, err := w.stage.state.backlog(ctx, one.flow); err == nil {
			p.Backlog = &n
		}
	}
	p.Arrived, p.Handled = one.counts()
	p.At = time.Since(w.begun)
	if ctx.Err() != nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.last[one.hpa] = p
	w.table.Add(one.track, p)
}

// metric is what the autoscaler is told: an external metric is asked for as the autoscaler asks, one of pods is read from
// its status. nil means that it is told nothing.
func (s *stage) metric(ctx context.Context, hpa *autoscalingv2.HorizontalPodAutoscaler) *float64 {
	if m := hpa.Spec.Metrics[0].External; m != nil {
		v, err := s.external(ctx, m.Metric)
		if err != nil {
			return nil
		}
		return &v
	}
	for _, current := range hpa.Status.CurrentMetrics {
		if current.Resource != nil && current.Resource.Current.AverageUtilization != nil {
			v := float64(*current.Resource.Current.AverageUtilization)
			return &v
		}
		if current.Pods != nil && current.Pods.Current.AverageValue != nil {
			v := current.Pods.Current.AverageValue.AsApproximateFloat64()
			return &v
		}
	}
	return nil
}

// external asks the external metrics API as the autoscaler's controller does, and adds the items up.
func (s *stage) external(ctx context.Context, m autoscalingv2.MetricIdentifier) (float64, error) {
	selector, err := metav1.LabelSelectorAsSelector(m.Selector)
	if err != nil {
		return 0, err
	}
	content, err := s.cluster.Client().Discovery().RESTClient().Get().
		AbsPath("/apis/external.metrics.k8s.io/v1beta1/namespaces/"+namespace, m.Name).
		Param("labelSelector", selector.String()).DoRaw(ctx)
	if err != nil {
		return 0, err
	}
	var list struct {
		Items []struct {
			Value resource.Quantity `json:"value"`
		} `json:"items"`
	}
	if err := json.Unmarshal(content, &list); err != nil {
		return 0, err
	}
	if len(list.Items) == 0 {
		return 0, fmt.Errorf("%s has no items", m.Name)
	}
	var sum float64
	for _, item := range list.Items {
		sum += item.Value.AsApproximateFloat64()
	}
	return sum, nil
}

// latest is the newest point of an autoscaler.
func (w *watch) latest(hpa string) (report.Point, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	p, ok := w.last[hpa]
	return p, ok
}

// since is a copy of an autoscaler's points from a moment on.
func (w *watch) since(hpa string, from time.Duration) []report.Point {
	w.mu.Lock()
	defer w.mu.Unlock()
	var points []report.Point
	for _, one := range w.all {
		for i := range one.track.Points {
			if p := one.track.Points[i]; one.hpa == hpa && p.At >= from {
				points = append(points, p)
			}
		}
	}
	return points
}

// has waits until a point of the autoscaler is as it should be.
func (w *watch) has(hpa, what string, bound time.Duration, is func(report.Point) bool) {
	w.stage.t.Helper()
	w.stage.until(bound, func(context.Context) error {
		p, ok := w.latest(hpa)
		if !ok || !is(p) {
			return fmt.Errorf("%s has not %s: %+v", hpa, what, p)
		}
		return nil
	})
}
