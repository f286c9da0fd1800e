package demo

import (
	"context"
	"time"

	"spillway/internal/hpa"
)

// The autoscaler of the flow, as the account of it gives it.
const (
	minReplicas  = 2
	maxReplicas  = 20
	averageValue = 40000
)

// autoscaler returns the object: 40000 messages a pod divided by the pace, because in a story told twelve times as fast
// a twelfth of the backlog gathers. The times stay as they are: the autoscaler's clock is the story's.
func autoscaler(pace Pace) hpa.Spec {
	window := 5 * time.Minute
	return hpa.Spec{
		MinReplicas: minReplicas, MaxReplicas: maxReplicas,
		AverageValue: hpa.Milli(float64(averageValue*hpa.Unit) / float64(pace)),
		Behavior: &hpa.Behavior{ScaleDown: &hpa.Rules{
			StabilizationWindow: &window,
			Policies:            []hpa.Policy{{Type: hpa.Percent, Value: 20, Period: time.Minute}},
		}},
	}
}

// pods is what the autoscaler scales.
type pods interface {
	Scale(ctx context.Context, n int)
	Replicas() Replicas
}

// Scaler is the control loop of the autoscaler.
type Scaler struct {
	controller *hpa.Controller
	pods       pods
	read       func(context.Context) (backlog float64, err error)
}

// Sync is the outcome of one turn of the loop.
type Sync struct {
	// At is the moment of the story.
	At time.Duration
	// Backlog is what Monitoring showed; Err says why it showed nothing.
	Backlog float64
	Err     error
	hpa.Decision
	// Raised says that workers were added.
	Raised bool
}

// NewScaler returns a loop that has not turned yet. read asks the exporter for the backlog.
func NewScaler(spec hpa.Spec, p pods, read func(context.Context) (float64, error)) (*Scaler, error) {
	controller, err := hpa.New(spec)
	if err != nil {
		return nil, err
	}
	return &Scaler{controller: controller, pods: p, read: read}, nil
}

// Run syncs every 15 seconds of the story until ctx is done. told is called after each sync.
func (s *Scaler) Run(ctx context.Context, begin time.Time, pace Pace, told func(Sync)) {
	ticker := time.NewTicker(max(pace.Wall(hpa.SyncPeriod), time.Millisecond))
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			if turn := s.turn(ctx, begin, pace.Story(now.Sub(begin))); ctx.Err() == nil {
				told(turn)
			}
		}
	}
}

// turn reads, decides and scales. The controller's clock is begin plus the story's time.
func (s *Scaler) turn(ctx context.Context, begin time.Time, at time.Duration) Sync {
	backlog, err := s.read(ctx)
	if ctx.Err() != nil {
		return Sync{}
	}
	metric := hpa.Metric{Err: err}
	if err == nil {
		metric = hpa.Value(hpa.Milli(backlog * float64(hpa.Unit)))
	}
	have := int32(s.pods.Replicas().Wanted) //nolint:gosec // At most maxReplicas.
	d := s.controller.Sync(begin.Add(at), have, have, metric)
	if d.Rescale {
		s.pods.Scale(ctx, int(d.Desired))
	}
	return Sync{At: at, Backlog: backlog, Err: err, Decision: d, Raised: d.Rescale && d.Desired > have}
}
