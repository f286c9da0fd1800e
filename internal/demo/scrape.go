package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// errNoSeries says that a page of metrics does not hold the series that was asked for.
var errNoSeries = errors.New("the series is not there")

// maxPage bounds a page.
const maxPage = 4 << 20

// exposition is a page of metrics, by the names of its families.
type exposition map[string]*dto.MetricFamily

// scrape reads one value from a page of metrics: the series of that name whose labels include the given ones.
func scrape(ctx context.Context, client *http.Client, url, name string, labels map[string]string) (float64, error) {
	families, err := scrapeAll(ctx, client, url)
	if err != nil {
		return 0, err
	}
	value, err := families.value(name, labels)
	if err != nil {
		return 0, fmt.Errorf("scraping %s: %s: %w", url, name, err)
	}
	return value, nil
}

// scrapeAll reads a page of metrics.
func scrapeAll(ctx context.Context, client *http.Client, url string) (exposition, error) {
	body, err := get(ctx, client, url)
	if err != nil {
		return nil, fmt.Errorf("scraping %s: %w", url, err)
	}
	defer func() { _ = body.Close() }()
	families, err := parse(io.LimitReader(body, maxPage))
	if err != nil {
		return nil, fmt.Errorf("scraping %s: %w", url, err)
	}
	return families, nil
}

// get returns the body of an answer that is 200.
func get(ctx context.Context, client *http.Client, url string) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil, err
	}
	answer, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode != http.StatusOK {
		_ = answer.Body.Close()
		return nil, errors.New(answer.Status)
	}
	return answer.Body, nil
}

// parse reads a page in Prometheus' text format.
func parse(page io.Reader) (exposition, error) {
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(page)
	if err != nil {
		return nil, fmt.Errorf("reading metrics: %w", err)
	}
	return families, nil
}

// value is that of a gauge.
func (e exposition) value(name string, labels map[string]string) (float64, error) {
	for _, m := range e[name].GetMetric() {
		if !includes(m, labels) {
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

// label is the value that a label has where the series with the other labels is 1, empty if there is none.
func (e exposition) label(name, label string, labels map[string]string) string {
	for _, m := range e[name].GetMetric() {
		if !includes(m, labels) || m.GetGauge().GetValue() != 1 {
			continue
		}
		for _, p := range m.GetLabel() {
			if p.GetName() == label {
				return p.GetValue()
			}
		}
	}
	return ""
}

func includes(m *dto.Metric, labels map[string]string) bool {
	found := 0
	for _, p := range m.GetLabel() {
		if want, asked := labels[p.GetName()]; asked && want == p.GetValue() {
			found++
		}
	}
	return found == len(labels)
}
