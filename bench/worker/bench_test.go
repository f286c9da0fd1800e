package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"
	"time"

	"spillway/bench/run"
)

func TestAWindowIsDeclaredInFull(t *testing.T) {
	for _, outstanding := range []int{2, 10, 110, 1000, 10_000} {
		handlers := concurrency(outstanding)
		declared := handlers + (handlers+9)/10 // as the worker does
		if declared > outstanding || declared < outstanding-1 {
			t.Errorf("%d handlers declare %d, want %d", handlers, declared, outstanding)
		}
	}
}

func TestRatiosAreTakenWithinARound(t *testing.T) {
	b := &bench{figures: map[string]figure{}}
	// The machine was half as fast in the second round: that is no difference between the two.
	for _, micros := range []struct{ worker, official float64 }{{2, 10}, {4, 20}, {3, 10}} {
		b.note("batch100", "worker", cost(micros.worker))
		b.note("batch100", "official", cost(micros.official))
	}
	if got := b.ratio("worker_cpu_us_per_message_batch100", "official_cpu_us_per_message_batch100"); got != 0.2 {
		t.Errorf("the ratio is %v, want 0.2", got)
	}
	if got := b.median("official_cpu_us_per_message_batch100"); got != 10 {
		t.Errorf("the median is %v, want 10", got)
	}
}

// cost is a run of 1000 messages at so many microseconds, and 3 allocations, each.
func cost(micros float64) result {
	return result{messages: 1000, cpu: time.Duration(micros * 1e6), mallocs: 3000}
}

func TestRowsBeginWithThoseThatHaveBounds(t *testing.T) {
	b := &bench{figures: map[string]figure{}}
	for _, program := range []string{"worker", "official", "watermill", "gocloud", "engine", "plain"} {
		for _, scenario := range []string{"batch100", "batch1"} {
			b.note(scenario, program, cost(4))
		}
		b.note("http_target", program, result{messages: 1000, cpu: 30 * time.Millisecond, rate: 2000})
		b.note("10ms_1000", program, result{rate: 1000, goroutines: 1050})
		b.note("10k_outstanding", program, result{peak: 64 << 20})
	}
	b.note("push_path", "worker", result{messages: 1000, cpu: 50 * time.Millisecond, rate: 20_000})
	rows := b.rows()
	for i, want := range []run.Row{
		{Name: "worker_cpu_ratio_vs_official_batch100", Value: 1, Unit: "ratio"},
		{Name: "worker_cpu_ratio_vs_official_batch1", Value: 1, Unit: "ratio"},
		{Name: "worker_cpu_ratio_vs_watermill", Value: 1, Unit: "ratio"},
		{Name: "worker_cpu_ratio_vs_gocloud", Value: 1, Unit: "ratio"},
		{Name: "worker_allocs_per_message", Value: 3, Unit: "allocations"},
		{Name: "worker_throughput_ratio_vs_official_10ms_1000", Value: 1, Unit: "ratio"},
		{Name: "worker_http_target_cpu_ratio_vs_plain_loop", Value: 1, Unit: "ratio"},
		{Name: "worker_http_target_msgs_per_second", Value: 2000, Unit: "msgs/s"},
		{Name: "worker_msgs_per_cpu_second", Value: 250_000, Unit: "msgs/s"},
		{Name: "worker_rss_mib_10k_outstanding", Value: 64, Unit: "MiB"},
		{Name: "worker_goroutines_1000_outstanding", Value: 1050, Unit: "goroutines"},
		{Name: "worker_push_path_requests_per_second", Value: 20_000, Unit: "requests/s"},
		{Name: "engine_cpu_us_per_message", Value: 4, Unit: "us"},
		{Name: "engine_allocs_per_message", Value: 3, Unit: "allocations"},
	} {
		if rows[i] != want {
			t.Errorf("row %d is %v, want %v", i, rows[i], want)
		}
	}
	names := map[string]bool{}
	for _, row := range rows {
		if names[row.Name] {
			t.Errorf("two rows %s", row.Name)
		}
		names[row.Name] = true
	}
	if !names["gocloud_allocs_per_message_batch100"] {
		t.Error("what the rows were made of is missing")
	}
}

func TestStartingIsNoPartOfAMessagesCost(t *testing.T) {
	r := cost(4).less(result{cpu: time.Millisecond, mallocs: 1000})
	if r.micros() != 3 || r.allocs() != 2 {
		t.Errorf("a message costs %v us and %v allocations", r.micros(), r.allocs())
	}
}

func TestTheWorkerIsAskedByItsMetrics(t *testing.T) {
	for name, test := range map[string]struct {
		status int
		body   string
		want   census
		err    string
	}{
		"both series": {200, "# HELP go_goroutines x\ngo_goroutines 12\ngo_memstats_mallocs_total 1.5e+06\n", census{1.5e6, 12}, ""},
		"one missing": {200, "go_goroutines 12\n", census{}, "lacks"},
		"no number":   {200, "go_goroutines twelve\n", census{}, "go_goroutines"},
		"no answer":   {503, "", census{}, "503"},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(test.status)
				_, _ = io.WriteString(w, test.body)
			}))
			defer server.Close()
			got, err := scrape(t.Context(), server.URL)
			if test.err == "" && (err != nil || got != test.want) {
				t.Errorf("got %v, %v", got, err)
			}
			if test.err != "" && (err == nil || !strings.Contains(err.Error(), test.err)) {
				t.Errorf("the error is %v", err)
			}
		})
	}
}

func TestTheLogTellsTheAddress(t *testing.T) {
	address := make(chan string, 1)
	follow(strings.NewReader(`{"severity":"INFO","message":"starting"}
{"severity":"INFO","message":"serving","address":"127.0.0.1:1234"}
`), address)
	if got := <-address; got != "127.0.0.1:1234" {
		t.Errorf("the address is %q", got)
	}
}

// watched is a watch of a program that says nothing, by a server that gives one state after the other.
func watched(t *testing.T, n int64, script string, states ...state) *watch {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		next := states[0]
		if len(states) > 1 {
			states = states[1:]
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"subscriptions": []state{next}})
	}))
	t.Cleanup(server.Close)
	shell, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("bash is missing")
	}
	p, err := run.Start(t.Context(), run.Command{Path: shell, Args: []string{"-c", script}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Kill() })
	ask := func(context.Context) (census, error) { return census{mallocs: 7, goroutines: 9}, nil }
	return &watch{
		consumer: &consumer{Process: p, ask: ask}, n: n,
		server: &run.Server{Address: strings.TrimPrefix(server.URL, "http://")},
	}
}

func TestARunEndsWithTheLastAck(t *testing.T) {
	w := watched(t, 100, "sleep 60",
		state{Outstanding: 60}, state{Acked: 20, Outstanding: 80}, state{Acked: 60, Outstanding: 40}, state{Acked: 100})
	r, err := w.run(t.Context(), true)
	if err != nil {
		t.Fatal(err)
	}
	took := w.last.at.Sub(w.warm.at).Seconds()
	if r.messages != 100 || r.mallocs != 7 || r.goroutines != 9 || r.most != 80 || r.rate != 80/took || r.peak == 0 {
		t.Errorf("the result is %+v after %v s", r, took)
	}
}

func TestARunWithoutMessagesEndsAtRest(t *testing.T) {
	w := watched(t, 0, "sleep 60", state{}, state{}, state{Streams: 1})
	r, err := w.run(t.Context(), false)
	if err != nil || r.mallocs != 7 || r.rate != 0 {
		t.Errorf("the result is %+v, %v", r, err)
	}
}

func TestARunThatCannotEndIsAnError(t *testing.T) {
	w := watched(t, 100, "exit 1", state{Acked: 10})
	if _, err := w.run(t.Context(), false); err == nil || !strings.Contains(err.Error(), "ended") {
		t.Errorf("a program that has ended: %v", err)
	}
	w = watched(t, 100, "sleep 60", state{Acked: 10})
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := w.run(ctx, false)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a program that acknowledges nothing more: %v", err)
	}
}
