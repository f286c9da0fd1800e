package tune

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"spillway/internal/nowcast"
)

// errNoWorker says that a page of metrics is not a worker's.
var errNoWorker = errors.New("the page has no pubsub_worker_ series; give the address of a worker, such as http://127.0.0.1:8080")

// page is one scrape of a worker, by the name of the series.
type page map[string]*dto.MetricFamily

// readPage reads Prometheus' text format.
func readPage(r io.Reader) (page, error) {
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(r)
	if err != nil {
		return nil, fmt.Errorf("reading the worker's metrics: %w", err)
	}
	return families, nil
}

// subscription is that of the worker's only flow, or the one that was asked for.
func (p page) subscription(want string) (string, error) {
	found := map[string]bool{}
	for _, m := range p["pubsub_worker_concurrency_limit"].GetMetric() {
		for _, l := range m.GetLabel() {
			if l.GetName() == "subscription" {
				found[l.GetValue()] = true
			}
		}
	}
	names := slices.Sorted(maps.Keys(found))
	switch {
	case len(names) == 0:
		return "", errNoWorker
	case want == "" && len(names) == 1:
		return names[0], nil
	case want == "":
		return "", fmt.Errorf("the worker has several flows; name one with --subscription: %s", strings.Join(names, ", "))
	case !found[want]:
		return "", fmt.Errorf("the worker has no flow of the subscription %q, but: %s", want, strings.Join(names, ", "))
	}
	return want, nil
}

// value adds up the values of a series whose labels include the given ones, name and value in turns.
func (p page) value(name string, labels ...string) float64 {
	sum := 0.0
	for _, m := range p[name].GetMetric() {
		if !labelled(m, labels) {
			continue
		}
		switch {
		case m.GetCounter() != nil:
			sum += m.GetCounter().GetValue()
		case m.GetGauge() != nil:
			sum += m.GetGauge().GetValue()
		case m.GetHistogram() != nil:
			sum += m.GetHistogram().GetSampleSum()
		case m.GetUntyped() != nil:
			sum += m.GetUntyped().GetValue()
		}
	}
	return sum
}

func labelled(m *dto.Metric, labels []string) bool {
	for i := 0; i+1 < len(labels); i += 2 {
		if !slices.ContainsFunc(m.GetLabel(), func(l *dto.LabelPair) bool { return l.GetName() == labels[i] && l.GetValue() == labels[i+1] }) {
			return false
		}
	}
	return true
}

// pod is what the law needs of the page.
func (p page) pod(subscription string, at time.Time) nowcast.Pod {
	of := func(name string, labels ...string) float64 {
		return p.value(name, append([]string{"subscription", subscription}, labels...)...)
	}
	acked := of("pubsub_worker_messages_settled_total", "result", "ack")
	return nowcast.Pod{
		Name: "worker", Ready: true, At: at,
		InFlight: of("pubsub_worker_messages_in_flight"), Slots: of("pubsub_worker_concurrency_limit"),
		Delivered: of("pubsub_worker_first_deliveries_total"), Left: of("pubsub_worker_first_deliveries_settled_total"),
		Acked: acked, Nacked: of("pubsub_worker_messages_settled_total", "result", "nack"),
		AckedSeconds: of("pubsub_worker_handler_duration_seconds", "result", "ack"),
		Frontier:     unix(of("pubsub_worker_frontier_timestamp_seconds")),
		Delivery:     unix(of("pubsub_worker_last_message_timestamp_seconds")),
		Connected:    of("pubsub_worker_stream_connected") > 0,
		CPUSeconds:   p.value("process_cpu_seconds_total"), CPULimit: p.value("pubsub_worker_cpu_limit_cores"),
		AllAcked: p.value("pubsub_worker_messages_settled_total", "result", "ack"),
	}
}

func unix(seconds float64) time.Time {
	if seconds <= 0 {
		return time.Time{}
	}
	whole, part := math.Modf(seconds)
	return time.Unix(int64(whole), int64(part*1e9))
}
