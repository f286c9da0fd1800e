package monitoring

import (
	"strings"
	"sync"
	"time"

	"cloud.google.com/go/monitoring/apiv3/v2/monitoringpb"
	"go.uber.org/zap"
	"google.golang.org/grpc"
)

// Server samples a truth and answers Cloud Monitoring's MetricService about it. All methods are safe for concurrent use.
type Server struct {
	opts    Options
	truth   Truth
	clock   func() time.Time
	log     *zap.Logger
	metrics []*metric
	faults  *faultSet

	mu     sync.RWMutex // guards store
	store  *store
	health health // touched by Run's goroutine only
}

// Point is one sample as a reader sees it. For a gauge Start equals End; a BOOL is 0 or 1.
type Point struct {
	Start time.Time `json:"start"`
	End   time.Time `json:"end"`
	Value int64     `json:"value"`
}

// New makes a server from options that [Options.Validate] has accepted. Nothing is sampled until [Server.Run]. The clock is
// asked for the time of every sample and every request, and must run at the speed of real time: to run faster, set
// [Options.Speed].
func New(opts Options, truth Truth, clock func() time.Time, log *zap.Logger) *Server {
	opts = opts.withDefaults()
	metrics := catalogue()
	for _, m := range metrics {
		m.period, m.delay = opts.timing(m)
	}
	return &Server{
		opts: opts, truth: truth, clock: clock, log: log, metrics: metrics,
		faults: &faultSet{seed: opts.Seed, regions: opts.Regions},
		store:  newStore(metrics, clock()),
	}
}

// Register adds the MetricService to a gRPC server.
func (s *Server) Register(r grpc.ServiceRegistrar) {
	monitoringpb.RegisterMetricServiceServer(r, &service{server: s})
}

// Shown returns the newest sample of each of a subscription's series that a reader sees at now, by metric name without
// "subscription/" and with labels where the metric has some: `num_unacked_messages_by_region{region="europe-west1"}`.
// Samples hidden by a [Fault] are not shown.
func (s *Server) Shown(now time.Time, project, subscription string) map[string]Point {
	faults := s.faults.at(now)
	s.mu.RLock()
	defer s.mu.RUnlock()
	shown := map[string]Point{}
	for _, m := range s.metrics {
		if m.subscription == nil {
			continue
		}
		for _, one := range s.store.byMetric[m][resourceKey{project, subscription}] {
			if p, ok := faults.newest(one); ok {
				shown[one.shortName()] = Point{Start: unixNano(p.start), End: unixNano(p.end), Value: p.value}
			}
		}
	}
	return shown
}

// shortName is the metric's bare name, with labels as Prometheus writes them.
func (s *series) shortName() string {
	_, name, _ := strings.Cut(s.metric.name, "/")
	if len(s.labels) == 0 {
		return name
	}
	pairs := make([]string, len(s.labels))
	for i, value := range s.labels {
		pairs[i] = s.metric.labels[i].key + `="` + value + `"`
	}
	return name + "{" + strings.Join(pairs, ",") + "}"
}

func unixNano(nanos int64) time.Time { return time.Unix(0, nanos).UTC() }
