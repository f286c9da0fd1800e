package doctor

import (
	"bytes"
	"errors"
	"fmt"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// exposition is a page of metrics by the families' names.
type exposition map[string]*dto.MetricFamily

var errNoMetrics = errors.New("what answers is not a page of metrics")

// parseExposition reads Prometheus' text format.
func parseExposition(page []byte) (exposition, error) {
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(page))
	if err != nil || len(families) == 0 {
		return nil, errNoMetrics // the parser's error repeats what may be any page
	}
	return families, nil
}

// series returns the value of the first series of a family that has the labels. Histograms and summaries have none.
func (e exposition) series(name string, labels map[string]string) (value float64, found *dto.Metric) {
	for _, m := range e[name].GetMetric() {
		if !has(m, labels) {
			continue
		}
		switch {
		case m.GetGauge() != nil:
			return m.GetGauge().GetValue(), m
		case m.GetCounter() != nil:
			return m.GetCounter().GetValue(), m
		case m.GetUntyped() != nil:
			return m.GetUntyped().GetValue(), m
		}
	}
	return 0, nil
}

// values returns every value of a label in a family.
func (e exposition) values(name, label string) []string {
	var values []string
	for _, m := range e[name].GetMetric() {
		if v := labelOf(m, label); v != "" {
			values = append(values, v)
		}
	}
	return values
}

func has(m *dto.Metric, labels map[string]string) bool {
	for name, want := range labels {
		if labelOf(m, name) != want {
			return false
		}
	}
	return true
}

func labelOf(m *dto.Metric, name string) string {
	for _, l := range m.GetLabel() {
		if l.GetName() == name {
			return l.GetValue()
		}
	}
	return ""
}

// read parses a page unless it could not be fetched.
func read(page []byte, err error) (exposition, error) {
	if err != nil {
		return nil, err
	}
	parsed, err := parseExposition(page)
	if err != nil {
		return nil, fmt.Errorf("reading metrics: %w", err)
	}
	return parsed, nil
}
