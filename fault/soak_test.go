package fault

import (
	"os"
	"slices"
	"strconv"
	"syscall"
	"time"
)

// hoursVariable is how long the soak publishes, in hours.
const hoursVariable = "SPILLWAY_SOAK_HOURS"

// soak is F16: faults at random for hours. One worker, the witness, is never killed: what it uses must not grow.
func soak(w *world) {
	hours, err := strconv.ParseFloat(os.Getenv(hoursVariable), 64)
	if err != nil || !(hours > 0 && hours <= 1000) {
		w.t.Fatalf("%s=%q says how long: give more than 0, at most 1000 hours", hoursVariable, os.Getenv(hoursVariable))
	}
	lasts := time.Duration(hours * float64(time.Hour))
	const concurrency, rate, workers = 50, 50, 3
	w.ledger.handle = w.taking(20*time.Millisecond, 500*time.Millisecond)
	wait := w.pace(int(lasts.Seconds())*rate, rate)
	for range workers {
		w.start(concurrency)
	}
	u := &usage{witness: w.workers[0]}
	kills, cuts := 0, 0
	for end := time.Now().Add(lasts); time.Now().Before(end); {
		u.follow(w, min(20*time.Second+time.Duration(w.rng.Int64N(int64(40*time.Second))), time.Until(end)))
		switch w.rng.IntN(4) {
		case 0:
			kills++
			w.live()[1+w.rng.IntN(workers-1)].kill()
			w.start(concurrency)
		case 1:
			cuts++
			w.proxy.cut()
		case 2:
			cuts++
			w.proxy.refuse(true)
			w.rest(10 * time.Second)
			w.proxy.refuse(false)
		default:
			w.emulator.Signal(w.t, syscall.SIGSTOP)
			w.rest(5 * time.Second)
			w.emulator.Signal(w.t, syscall.SIGCONT)
		}
	}
	w.ended()
	wait()
	w.t.Logf("%d kills, %d cuts", kills, cuts)
	w.bound = kills*(concurrency+ackWindow(rate)) + cuts*workers*ackWindow(rate)
	w.awaitAll(5 * time.Minute)
	u.expectFlat(w, lasts)
}

// usage is what the witness used, sample by sample.
type usage struct {
	witness                     *worker
	resident, goroutines, files []float64
}

// follow takes a sample every 10 s.
func (u *usage) follow(w *world, d time.Duration) {
	for end := time.Now().Add(d); time.Now().Before(end); {
		w.rest(min(10*time.Second, time.Until(end)))
		if resident := u.witness.metric("process_resident_memory_bytes"); resident > 0 {
			u.resident = append(u.resident, resident)
			u.goroutines = append(u.goroutines, u.witness.metric("go_goroutines"))
			u.files = append(u.files, u.witness.metric("process_open_fds"))
		}
	}
}

// expectFlat compares the second and the last quarter; the first is for warming up. Connections to the target come and go
// with the load after each fault, with two goroutines each, so of descriptors and goroutines the least counts; a short
// soak does not see them go.
func (u *usage) expectFlat(w *world, lasts time.Duration) {
	w.t.Helper()
	const mib = 1 << 20
	q := len(u.resident) / 4
	if q < 2 {
		w.t.Fatalf("%d samples say nothing", len(u.resident))
	}
	slack := 20.0
	if lasts < 30*time.Minute {
		slack = 200
	}
	rows := []struct {
		name    string
		samples []float64
		of      func([]float64) float64
		slack   float64
	}{
		{"resident bytes", u.resident, median, 8*mib + lasts.Hours()/2*mib}, // 1 MiB an hour; a short soak has more noise.
		{"goroutines", u.goroutines, slices.Min[[]float64], slack},
		{"descriptors", u.files, slices.Min[[]float64], slack},
	}
	for _, r := range rows {
		begin, end := r.of(r.samples[q:2*q]), r.of(r.samples[len(r.samples)-q:])
		w.t.Logf("%s %.0f to %.0f", r.name, begin, end)
		if end > begin+r.slack {
			w.t.Errorf("%s grew from %.0f to %.0f", r.name, begin, end)
		}
	}
}

func median(samples []float64) float64 {
	sorted := slices.Sorted(slices.Values(samples))
	return sorted[len(sorted)/2]
}
