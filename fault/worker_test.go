package fault

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"syscall"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"spillway/internal/testenv"
)

// drainLimit is what every worker gets after SIGTERM.
const drainLimit = 20 * time.Second

// worker is one process of the shipped program.
type worker struct {
	w       *world
	name    string
	program *testenv.Program
	address string
	stopped bool // by this test
}

// start runs a worker until the case ends and waits until it serves.
func (w *world) start(concurrency int, more ...string) *worker {
	w.t.Helper()
	p := w.launch(concurrency, nil, more...)
	p.serve()
	return p
}

// nextName is what the next worker is called.
func (w *world) nextName() string { return fmt.Sprintf("w%d", len(w.workers)+1) }

// launch runs a worker and does not wait.
func (w *world) launch(concurrency int, env []string, more ...string) *worker {
	w.t.Helper()
	p := &worker{w: w, name: w.nextName()}
	args := append([]string{
		"--log-format=json", "--listen=127.0.0.1:0", "--project=" + w.project, "--subscription=" + subscription,
		"--target=" + w.ledger.URL + "/" + p.name, "--concurrency=" + strconv.Itoa(concurrency), "--drain-limit=" + drainLimit.String(),
	}, more...)
	p.program = testenv.StartBinary(w.t, program("worker"), append([]string{"PUBSUB_EMULATOR_HOST=" + w.path}, env...), args...)
	w.workers = append(w.workers, p)
	return p
}

func (p *worker) serve() {
	p.w.t.Helper()
	p.address = p.program.Address(p.w.t)
}

// kill is kill -9.
func (p *worker) kill() {
	p.w.t.Helper()
	p.stopped = true
	p.program.Signal(p.w.t, syscall.SIGKILL)
	p.program.Wait(p.w.t)
}

// term is what a rolling update does. It holds the exit against code and time.
func (p *worker) term() {
	p.w.t.Helper()
	p.stopped = true
	begin := time.Now()
	p.program.Signal(p.w.t, syscall.SIGTERM)
	code := p.program.Wait(p.w.t)
	if took := time.Since(begin); code != 0 || took > drainLimit+2*time.Second {
		p.w.t.Errorf("%s ended with %d after %s: %s", p.name, code, took, p.program.Stderr())
	}
}

// get asks the worker's own port and returns the status; 0 when it does not answer.
func (p *worker) get(path string) int {
	response, err := p.fetch(path)
	if err != nil {
		return 0
	}
	defer response.Body.Close()
	return response.StatusCode
}

// fetch must answer within 5 s: a worker whose CPU is shared with ten others is slow, a wedged one does not answer.
func (p *worker) fetch(path string) (*http.Response, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.address+path, http.NoBody)
	if err != nil {
		cancel()
		return nil, err
	}
	request.Close = true
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		cancel()
		return nil, err
	}
	context.AfterFunc(ctx, cancel)
	return response, nil
}

// scrape returns the worker's metrics; none when it does not answer.
func (p *worker) scrape() (map[string]*dto.MetricFamily, error) {
	response, err := p.fetch("/metrics")
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, errors.New(response.Status)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	return parser.TextToMetricFamilies(response.Body)
}

// metric adds up the series of a name whose labels are given as pairs; -1 when the worker does not answer.
func (p *worker) metric(name string, labels ...string) float64 {
	families, err := p.scrape()
	if err != nil {
		return -1
	}
	sum := 0.0
	for _, m := range families[name].GetMetric() {
		if matches(m, labels) {
			sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	return sum
}

func matches(m *dto.Metric, labels []string) bool {
	have := map[string]string{}
	for _, l := range m.GetLabel() {
		have[l.GetName()] = l.GetValue()
	}
	for i := 0; i < len(labels); i += 2 {
		if have[labels[i]] != labels[i+1] {
			return false
		}
	}
	return true
}
