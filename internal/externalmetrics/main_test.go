package externalmetrics

import (
	"testing"
	"time"

	"go.uber.org/goleak"

	"spillway/internal/ask"
	"spillway/internal/backlog"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// klog flushes its buffers for as long as the process lives.
		goleak.IgnoreTopFunction("k8s.io/klog/v2.(*flushDaemon).run.func1"),
	)
}

// start is when the tests' clocks begin.
var start = time.Date(2026, 11, 27, 8, 0, 0, 0, time.UTC)

var (
	offers = backlog.Subscription{Project: "shop", ID: "offers"}
	orders = backlog.Subscription{Project: "shop", ID: "orders"}
	foreig = backlog.Subscription{Project: "other-shop", ID: "offers"}
)

// shelf is a board with fixed answers.
type shelf map[backlog.Subscription]map[backlog.Metric]backlog.Answer

func (s shelf) Answer(sub backlog.Subscription, m backlog.Metric, _ time.Time) backlog.Answer {
	metrics, watched := s[sub]
	answer, known := metrics[m]
	switch {
	case known:
		return answer
	case watched:
		return backlog.Answer{Reason: backlog.ReasonNotPolled, Why: "it is asked for at the next poll"}
	default:
		return backlog.Answer{Reason: backlog.ReasonNotWatched, Why: "give it with --subscription"}
	}
}

func (s shelf) Subscriptions() []backlog.Subscription {
	return []backlog.Subscription{foreig, offers, orders}
}

func (s shelf) Metrics() []backlog.Metric {
	return []backlog.Metric{backlog.NumUndeliveredMessages, backlog.NumUnackedMessagesByRegion, backlog.AckMessageCount}
}

// level is a reading of age.
func level(value float64, age time.Duration) backlog.Reading {
	return backlog.Reading{Sample: backlog.Sample{Value: value, At: start.Add(-age)}, State: backlog.Fresh, Age: age}
}

func plain(value float64, age time.Duration) backlog.Answer {
	return backlog.Answer{Total: level(value, age), Series: []backlog.Series{{Reading: level(value, age)}}}
}

func labelled(name string, values map[string]float64, age time.Duration) backlog.Answer {
	answer := backlog.Answer{Total: level(0, age)}
	for label, value := range values {
		answer.Total.Value += value
		answer.Series = append(answer.Series, backlog.Series{Labels: []backlog.Label{{Name: name, Value: label}}, Reading: level(value, age)})
	}
	return answer
}

// goods is what the tests' board knows.
func goods() shelf {
	broken := labelled("region", map[string]float64{"europe-west1": 7}, time.Minute)
	broken.Total, broken.Reason, broken.Why = backlog.Reading{}, backlog.ReasonRegion, "europe-west4 has had no sample for 7 minutes"
	acked := labelled("delivery_type", map[string]float64{"pull": 1000, "push": 500}, time.Minute)
	acked.Series[0].Rate, acked.Series[1].Rate = 2.5, 2.5
	return shelf{
		offers: {
			backlog.NumUndeliveredMessages:     plain(40000, 2*time.Minute),
			backlog.NumUnackedMessagesByRegion: labelled("region", map[string]float64{"europe-west1": 30000, "europe-west4": 10000}, 3*time.Minute),
			backlog.AckMessageCount:            acked,
		},
		orders: {
			backlog.NumUndeliveredMessages:     plain(0, 3*time.Minute),
			backlog.NumUnackedMessagesByRegion: broken,
		},
		foreig: {
			backlog.NumUndeliveredMessages: {Reason: backlog.ReasonMissing, Why: "the project has no such subscription"},
		},
	}
}

func source() Source {
	return Source{
		Board: goods(), Book: ask.NewBook(backlog.Definitions()), Project: "shop",
		Now: func() time.Time { return start },
	}
}
