package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// errNoSeries says that a page of metrics does not hold the series that was asked for.
var errNoSeries = errors.New("the series is not there")

// maxPage bounds a page of metrics.
const maxPage = 4 << 20

// scrape reads one value from a page of metrics: the series of that name whose labels include the given ones.
func scrape(ctx context.Context, client *http.Client, url, name string, labels map[string]string) (float64, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return 0, fmt.Errorf("scraping %s: %w", url, err)
	}
	answer, err := client.Do(req)
	if err != nil {
		return 0, fmt.Errorf("scraping %s: %w", url, err)
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("scraping %s: %s", url, answer.Status)
	}
	value, err := find(io.LimitReader(answer.Body, maxPage), name, labels)
	if err != nil {
		return 0, fmt.Errorf("scraping %s: %s: %w", url, name, err)
	}
	return value, nil
}

// find reads the value of a gauge from a page in Prometheus' text format.
func find(page io.Reader, name string, labels map[string]string) (float64, error) {
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(page)
	if err != nil {
		return 0, fmt.Errorf("reading metrics: %w", err)
	}
	for _, m := range families[name].GetMetric() {
		if !includes(m.GetLabel(), labels) {
			continue
		}
		if m.GetGauge() != nil {
			return m.GetGauge().GetValue(), nil
		}
		if m.GetUntyped() != nil {
			return m.GetUntyped().GetValue(), nil
		}
	}
	return 0, errNoSeries
}

// pair is a label as the parser gives it.
type pair interface {
	GetName() string
	GetValue() string
}

func includes[P pair](pairs []P, labels map[string]string) bool {
	found := 0
	for _, p := range pairs {
		if want, asked := labels[p.GetName()]; asked && want == p.GetValue() {
			found++
		}
	}
	return found == len(labels)
}
