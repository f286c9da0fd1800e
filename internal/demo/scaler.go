package demo

import (
	"context"
	"sync"
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

// Scaler is the control loop of the autoscaler. It is safe for concurrent use.
type Scaler struct {
	pods pods
	read func(context.Context, policy) (value float64, err error)

	mu         sync.Mutex
	policy     policy
	controller *hpa.Controller
}

// Sync is the outcome of one turn of the loop.
type Sync struct {
	// At is the moment of the story.
	At time.Duration
	// Value is that of the policy's series; Err says why there was none.
	Value float64
	Err   error
	hpa.Decision
	// From is how many workers there were to be before.
	From int
	// Policy names what was scaled on, and Because puts the value into words.
	Policy, Because string
}

// Raised says that workers were added.
func (s Sync) Raised() bool { return s.Rescale && int(s.Desired) > s.From }

// NewScaler returns a loop that has not turned yet. read asks the exporter for the value of a policy's series.
func NewScaler(p policy, scaled pods, read func(context.Context, policy) (float64, error)) (*Scaler, error) {
	s := &Scaler{pods: scaled, read: read}
	return s, s.setPolicy(p)
}

// setPolicy scales by another policy from the next turn on. The loop remembers nothing of the former one, as after the
// object was replaced.
func (s *Scaler) setPolicy(p policy) error {
	controller, err := hpa.New(p.spec)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.policy, s.controller = p, controller
	return nil
}

func (s *Scaler) state() (policy, *hpa.Controller) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.policy, s.controller
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
	p, controller := s.state()
	value, err := s.read(ctx, p)
	if ctx.Err() != nil {
		return Sync{}
	}
	metric, because := hpa.Metric{Err: err}, ""
	if err == nil {
		metric, because = hpa.Value(hpa.Milli(value*float64(hpa.Unit))), p.words(value)
	}
	have := int32(s.pods.Replicas().Wanted) //nolint:gosec // At most maxReplicas.
	d := controller.Sync(begin.Add(at), have, have, metric)
	if d.Rescale {
		s.pods.Scale(ctx, int(d.Desired))
	}
	return Sync{At: at, Value: value, Err: err, Decision: d, From: int(have), Policy: p.name, Because: because}
}
