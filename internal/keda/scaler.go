package keda

import (
	"cmp"
	"context"
	"math"
	"slices"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/dynamicpb"

	"spillway/internal/ask"
	"spillway/internal/backlog"
)

const (
	// lookInterval is how often a stream looks whether a workload has become active.
	lookInterval = 5 * time.Second
	// wantLife is how long a subscription is read after KEDA last asked for it; it asks every 30 s by default.
	wantLife = 10 * time.Minute
	// settle is how long changes are gathered before they are told: after a restart KEDA asks for everything at once.
	settle = 100 * time.Millisecond
	// maxWants bounds what may be asked for together: every subscription costs Cloud Monitoring calls.
	maxWants = 10_000
)

// Source is what the scaler answers from. Every field is safe for concurrent use.
type Source struct {
	// Board has the readings, Book their names.
	Board backlog.Board
	Book  *ask.Book
	// Project is whose a subscription is when a trigger names no project; may be empty.
	Project string
	// Wants is told everything that KEDA has asked for lately, whenever that changes, never twice at a time; nil tells
	// nobody.
	Wants func([]backlog.Want)
	// Now is the clock.
	Now func() time.Time
}

// wanted is what KEDA asks for, for one ScaledObject.
type wanted struct {
	sub    backlog.Subscription
	metric backlog.Metric
	by     string
}

// scaler answers KEDA. It is safe for concurrent use.
type scaler struct {
	source   Source
	protocol *protocol
	metrics  *metrics

	changed  chan struct{} // something else is asked for
	stopping chan struct{} // closed when streams are to end

	mu    sync.Mutex
	asked map[wanted]time.Time // when it was last asked for
}

func newScaler(source Source, m *metrics) (*scaler, error) {
	p, err := newProtocol()
	if err != nil {
		return nil, err
	}
	return &scaler{
		source: source, protocol: p, metrics: m, asked: map[wanted]time.Time{},
		changed: make(chan struct{}, 1), stopping: make(chan struct{}),
	}, nil
}

// trigger reads a ScaledObjectRef, and has its subscription read from now on.
func (s *scaler) trigger(ref *dynamicpb.Message) (*trigger, error) {
	t, err := parse(metadata(ref), s.source.Book, s.source.Project)
	if err != nil {
		return nil, status.Error(codes.InvalidArgument, err.Error())
	}
	by := "scaledobject " + clip(text(ref, "namespace")) + "/" + clip(text(ref, "name"))
	return t, s.want(wanted{t.sub, t.metric.Metric, by})
}

// value returns what the board says. What is not known is an error: KEDA then keeps the replicas or falls back.
func (s *scaler) value(t *trigger) (float64, error) {
	answer := s.source.Board.Answer(t.sub, t.metric.Metric, s.source.Now())
	v := answer.Total.Value
	if t.metric.Kind == backlog.Delta {
		v = answer.Rate
	}
	if answer.Total.State == backlog.Absent || math.IsNaN(v) || math.Abs(v) > maxTarget {
		return 0, status.Errorf(codes.Unavailable, "%s of %s is not known (%s): %s", t.metric.Metric.Name(), t.sub, answer.Reason, answer.Why)
	}
	return v, nil
}

func (s *scaler) active(t *trigger) (bool, error) {
	v, err := s.value(t)
	return v > t.activation, err
}

func (s *scaler) isActive(_ context.Context, ref *dynamicpb.Message) (proto.Message, error) {
	t, err := s.trigger(ref)
	if err != nil {
		return nil, err
	}
	active, err := s.active(t)
	if err != nil {
		return nil, err
	}
	return s.protocol.activeMessage(active), nil
}

func (s *scaler) metricSpec(_ context.Context, ref *dynamicpb.Message) (proto.Message, error) {
	t, err := s.trigger(ref)
	if err != nil {
		return nil, err
	}
	return s.protocol.specsMessage(t.name(), t.target), nil
}

func (s *scaler) metricValues(_ context.Context, request *dynamicpb.Message) (proto.Message, error) {
	ref, ok := request.Get(s.protocol.valuesRequest.Fields().ByName("scaledObjectRef")).Message().Interface().(*dynamicpb.Message)
	if !ok {
		return nil, status.Error(codes.InvalidArgument, "there is no scaledObjectRef")
	}
	t, err := s.trigger(ref)
	if err != nil {
		return nil, err
	}
	if name := text(request, "metricName"); name != "" && name != t.name() {
		return nil, status.Errorf(codes.InvalidArgument, "the trigger's metric is %s, not %q", t.name(), clip(name))
	}
	v, err := s.value(t)
	if err != nil {
		return nil, err
	}
	return s.protocol.valuesMessage(t.name(), v), nil
}

// streamActive says whether the workload is active, at once and whenever that changes. While it is not known nothing is
// said.
func (s *scaler) streamActive(ref *dynamicpb.Message, stream grpc.ServerStream) error {
	look := time.NewTicker(lookInterval)
	defer look.Stop()
	said, last := false, false
	for {
		t, err := s.trigger(ref) // again and again: the stream keeps the subscription read
		if err != nil {
			return err
		}
		if active, err := s.active(t); err == nil && (!said || active != last) {
			if err := stream.SendMsg(s.protocol.activeMessage(active)); err != nil {
				return err
			}
			said, last = true, active
		}
		select {
		case <-stream.Context().Done():
			return status.FromContextError(stream.Context().Err()).Err()
		case <-s.stopping:
			return status.Error(codes.Unavailable, "the exporter is stopping")
		case <-look.C:
		}
	}
}

// want notes that something is asked for.
func (s *scaler) want(w wanted) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, known := s.asked[w]
	if !known && len(s.asked) >= maxWants {
		return status.Errorf(codes.ResourceExhausted, "more than %d triggers are asked for", maxWants)
	}
	s.asked[w] = s.source.Now()
	if !known {
		s.differs()
	}
	return nil
}

// expire forgets what KEDA no longer asks for.
func (s *scaler) expire() {
	s.mu.Lock()
	defer s.mu.Unlock()
	before, now := len(s.asked), s.source.Now()
	for w, at := range s.asked {
		if now.Sub(at) > wantLife {
			delete(s.asked, w)
		}
	}
	if len(s.asked) != before {
		s.differs()
	}
}

func (s *scaler) differs() {
	select {
	case s.changed <- struct{}{}:
	default: // a change that nobody has looked at yet stands for this one too
	}
}

// tell says everything that is asked for.
func (s *scaler) tell() {
	s.mu.Lock()
	wants := make([]backlog.Want, 0, len(s.asked))
	for w := range s.asked {
		want := backlog.Want{Subscription: w.sub, By: w.by}
		if w.metric.Path() != string(w.metric) {
			want.Metrics = []backlog.Metric{w.metric}
		}
		wants = append(wants, want)
	}
	s.mu.Unlock()
	slices.SortFunc(wants, func(a, b backlog.Want) int {
		return cmp.Or(a.Subscription.Compare(b.Subscription), cmp.Compare(a.By, b.By))
	})
	s.metrics.triggers.Set(float64(len(wants)))
	if s.source.Wants != nil {
		s.source.Wants(wants)
	}
}

// clip bounds what of a request is repeated.
func clip(text string) string {
	const most = 253
	return text[:min(len(text), most)]
}
