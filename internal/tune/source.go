package tune

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"spillway/internal/autoscaling"
	"spillway/internal/config"
	"spillway/internal/sim"
)

// startUp is how long a pod takes to start and where that is known from.
type startUp struct {
	time time.Duration
	by   string
}

// present reads the autoscaler that there is, if one is named, and how long its pods take to start.
func (a *App) present(ctx context.Context) (*autoscaling.Autoscaler, startUp, error) {
	start := startUp{usualStartUp, "assumed; say it with --start-up"}
	if a.opts.StartUp >= 0 {
		start = startUp{a.opts.StartUp, "given"}
	}
	switch {
	case a.opts.HPA != "":
		object, err := readAutoscaler(a.opts.HPA)
		return object, start, err
	case a.opts.Name != "":
		a.status.say("asking the cluster")
		cluster := autoscaling.Cluster{Kubeconfig: a.opts.Kubeconfig, Context: a.opts.Context, Namespace: a.opts.Namespace, Timeout: requestBound}
		object, measured, err := cluster.Read(ctx, a.opts.Name)
		if err != nil {
			err = fmt.Errorf("--name %q: %w", a.opts.Name, err)
		}
		if err == nil && a.opts.StartUp < 0 && measured > 0 {
			start = startUp{measured, "the median of the pods that there are"}
		}
		return object, start, err
	}
	return nil, start, nil
}

// readAutoscaler reads a file; what is wrong with it is the user's.
func readAutoscaler(name string) (*autoscaling.Autoscaler, error) {
	content, err := os.ReadFile(name) //nolint:gosec // the user names the file
	if err != nil {
		return nil, &config.Error{Key: "--hpa", Value: name, Problem: err.Error()}
	}
	object, err := autoscaling.Parse(bytes.NewReader(content))
	if err != nil {
		return nil, &config.Error{Key: "--hpa", Value: name, Problem: strings.ReplaceAll(err.Error(), "\n", "; ")}
	}
	return object, nil
}

// capacity is given or measured.
func (a *App) capacity(ctx context.Context) (perSecond float64, by string, err error) {
	if a.opts.Worker == "" {
		return a.opts.Capacity, "given", nil
	}
	page, err := metricsURL(a.opts.Worker)
	if err != nil {
		return 0, "", err
	}
	meter := &Meter{URL: page, Subscription: a.opts.Subscription, Client: a.client}
	a.status.say(fmt.Sprintf("watching the worker for %s", a.opts.MeasureFor))
	if err := meter.Watch(ctx, a.opts.MeasureFor, min(scrapePeriod, a.opts.MeasureFor/2)); err != nil {
		return 0, "", err
	}
	perSecond, by, err = meter.Capacity()
	return perSecond, "measured, by " + by, err
}

// trace reads or makes the arrivals.
func (a *App) trace(ctx context.Context) (sim.Trace, error) {
	switch {
	case a.opts.Synthetic != "":
		for _, tr := range sim.Synthetic() {
			if tr.Name == a.opts.Synthetic {
				return tr, nil
			}
		}
	case a.opts.Trace != "":
		return fromFile("--trace", a.opts.Trace, "give a CSV file of seconds and messages a second", sim.ReadCSV)
	case !isURL(a.opts.Prometheus):
		return fromFile("--prometheus", a.opts.Prometheus, "give the JSON of a range query with one series", sim.ReadPrometheus)
	}
	return a.query(ctx)
}

// fromFile reads a trace; what is wrong with it is the user's.
func fromFile(flag, name, cure string, read func(string, io.Reader) (sim.Trace, error)) (sim.Trace, error) {
	f, err := os.Open(name) //nolint:gosec // the user names the file
	if err != nil {
		return sim.Trace{}, &config.Error{Key: flag, Value: name, Problem: err.Error(), Cure: cure}
	}
	defer func() { _ = f.Close() }()
	tr, err := read(filepath.Base(name), f)
	if err != nil {
		return sim.Trace{}, &config.Error{Key: flag, Value: name, Problem: err.Error(), Cure: cure}
	}
	return tr.WithOnset(), nil
}

// query asks Prometheus.
func (a *App) query(ctx context.Context) (sim.Trace, error) {
	end := a.now()
	if a.opts.Until != "" {
		end, _ = time.Parse(time.RFC3339, a.opts.Until) // Validate has parsed it.
	}
	step := max(15, int(a.opts.Last.Seconds())/prometheusPoints+1)
	form := url.Values{
		"query": {a.opts.Query}, "step": {strconv.Itoa(step)},
		"start": {strconv.FormatInt(end.Add(-a.opts.Last).Unix(), 10)}, "end": {strconv.FormatInt(end.Unix(), 10)},
	}
	a.status.say("asking Prometheus")
	at := strings.TrimSuffix(a.opts.Prometheus, "/") + "/api/v1/query_range"
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, at, strings.NewReader(form.Encode()))
	if err != nil {
		return sim.Trace{}, fmt.Errorf("asking Prometheus: %w", err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer, err := a.client.Do(req)
	if err != nil {
		return sim.Trace{}, fmt.Errorf("asking Prometheus: %w; see that --prometheus is one that answers", err)
	}
	defer func() { _ = answer.Body.Close() }()
	if kind := answer.Header.Get("Content-Type"); !strings.HasPrefix(kind, "application/json") {
		return sim.Trace{}, fmt.Errorf("asking Prometheus: %s answers %s with %s, which is not Prometheus' JSON", at, answer.Status, cmp.Or(kind, "no content type"))
	}
	tr, err := sim.ReadPrometheus(a.opts.Query, answer.Body)
	if err != nil {
		return sim.Trace{}, fmt.Errorf("asking Prometheus: %w", err)
	}
	return tr.WithOnset(), nil
}
