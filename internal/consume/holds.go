package consume

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"spillway/internal/deliver"
)

// holds are the series of messages that are held back from the handler.
type holds struct {
	paused    prometheus.Gauge
	target    prometheus.Gauge // messages that wait for the target
	rate      prometheus.Gauge // messages that wait for their turn
	givenBack prometheus.Counter
	pauses    *prometheus.CounterVec // by the reason of the verdict that was too many
	checks    *prometheus.CounterVec // by result
}

func newHolds(f promauto.Factory) holds {
	waiting := f.NewGaugeVec(prometheus.GaugeOpts{
		Name: "pubsub_worker_held_messages", Help: "Messages that wait before the handler, by what they wait for: the target, or their turn in the rate.",
	}, []string{"reason"})
	h := holds{
		paused: f.NewGauge(prometheus.GaugeOpts{
			Name: "pubsub_worker_paused", Help: "1 while the target does not take messages: they are held back, and no more are received.",
		}),
		target: waiting.WithLabelValues("target"),
		rate:   waiting.WithLabelValues("rate"),
		givenBack: f.NewCounter(prometheus.CounterOpts{
			Name: "pubsub_worker_messages_given_back_total", Help: "Messages nacked without having been given to the handler, because they were held back for too long.",
		}),
		pauses: f.NewCounterVec(prometheus.CounterOpts{
			Name: "pubsub_worker_pauses_total", Help: "How often messages began to be held back from the target, by the reason of the verdict that was too many.",
		}, []string{"reason"}),
		checks: f.NewCounterVec(prometheus.CounterOpts{
			Name: "pubsub_worker_target_checks_total", Help: "Checks of a target that takes no messages, by result: ok or failed.",
		}, []string{"result"}),
	}
	for _, reason := range []deliver.Reason{deliver.Unreachable, deliver.Unavailable, deliver.Connection, deliver.Status5xx, deliver.Timeout} {
		h.pauses.WithLabelValues(string(reason))
	}
	h.checks.WithLabelValues("ok")
	h.checks.WithLabelValues("failed")
	return h
}
