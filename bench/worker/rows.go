package main

import (
	"maps"
	"slices"

	"spillway/bench/run"
)

// figure is what one row is made of: a value for each round.
type figure struct {
	unit   string
	values []float64
}

// note keeps a run's figures under the names of the rows that they become, one value a round.
func (b *bench) note(scenario, program string, r result) {
	add := func(name string, value float64, unit string) {
		f := b.figures[name]
		b.figures[name] = figure{unit, append(f.values, value)}
	}
	switch scenario {
	case "batch100", "batch1", "concurrency_100":
		add(program+"_cpu_us_per_message_"+scenario, r.micros(), "us")
		add(program+"_allocs_per_message_"+scenario, r.allocs(), "allocations")
	case "http_target":
		add(program+"_cpu_us_per_message_"+scenario, r.micros(), "us")
		add(program+"_http_target_msgs_per_second", r.rate, "msgs/s")
	case "10ms_1000":
		add(program+"_msgs_per_second_"+scenario, r.rate, "msgs/s")
		add(program+"_goroutines_1000_outstanding", r.goroutines, "goroutines")
	case "push_path":
		add(program+"_push_path_requests_per_second", r.rate, "requests/s")
		add(program+"_push_path_cpu_us_per_request", r.micros(), "us")
	case "10k_outstanding":
		add(program+"_rss_mib_10k_outstanding", r.peak/(1<<20), "MiB")
	}
}

// rows are those with bounds first, then what they were made of.
func (b *bench) rows() run.Rows {
	const cpu, rate = "_cpu_us_per_message_", "_msgs_per_second_10ms_1000"
	rows := run.Rows{
		{Name: "worker_cpu_ratio_vs_official_batch100", Value: b.ratio("worker"+cpu+"batch100", "official"+cpu+"batch100"), Unit: "ratio"},
		{Name: "worker_cpu_ratio_vs_official_batch1", Value: b.ratio("worker"+cpu+"batch1", "official"+cpu+"batch1"), Unit: "ratio"},
		{Name: "worker_cpu_ratio_vs_watermill", Value: b.ratio("worker"+cpu+"batch100", "watermill"+cpu+"batch100"), Unit: "ratio"},
		{Name: "worker_cpu_ratio_vs_gocloud", Value: b.ratio("worker"+cpu+"batch100", "gocloud"+cpu+"batch100"), Unit: "ratio"},
		{Name: "worker_allocs_per_message", Value: b.median("worker_allocs_per_message_batch100"), Unit: "allocations"},
		{Name: "worker_throughput_ratio_vs_official_10ms_1000", Value: b.ratio("worker"+rate, "official"+rate), Unit: "ratio"},
		{Name: "worker_http_target_cpu_ratio_vs_plain_loop", Value: b.ratio("worker"+cpu+"http_target", "plain"+cpu+"http_target"), Unit: "ratio"},
		{Name: "worker_http_target_msgs_per_second", Value: b.median("worker_http_target_msgs_per_second"), Unit: "msgs/s"},
		{Name: "worker_msgs_per_cpu_second", Value: 1e6 / b.median("worker"+cpu+"batch100"), Unit: "msgs/s"},
		{Name: "worker_rss_mib_10k_outstanding", Value: b.median("worker_rss_mib_10k_outstanding"), Unit: "MiB"},
		{Name: "worker_goroutines_1000_outstanding", Value: b.median("worker_goroutines_1000_outstanding"), Unit: "goroutines"},
		{Name: "worker_push_path_requests_per_second", Value: b.median("worker_push_path_requests_per_second"), Unit: "requests/s"},
		{Name: "engine_cpu_us_per_message", Value: b.median("engine" + cpu + "batch100"), Unit: "us"},
		{Name: "engine_allocs_per_message", Value: b.median("engine_allocs_per_message_batch100"), Unit: "allocations"},
	}
	for _, name := range slices.Sorted(maps.Keys(b.figures)) {
		if rows.Value(name) == 0 {
			rows = append(rows, run.Row{Name: name, Value: b.median(name), Unit: b.figures[name].unit})
		}
	}
	return rows
}

func (b *bench) median(name string) float64 { return run.Median(b.figures[name].values) }

// ratio is the median of the rounds' ratios: what disturbed a round disturbed both.
func (b *bench) ratio(name, to string) float64 {
	ratios := slices.Clone(b.figures[name].values)
	for i, value := range b.figures[to].values {
		ratios[i] /= value
	}
	return run.Median(ratios)
}
