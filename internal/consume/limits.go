package consume

import (
	"math"
	"os"
	"runtime/debug"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"spillway/internal/cgroup"
)

const (
	// A quarter of the container's memory is for payloads: being handled, a payload exists up to 2.4 times, raw and in base64.
	payloadShare = 4
	// defaultPayloads is the payloads' memory where the container has no limit, and mostPayloads where its limit is large, in bytes.
	defaultPayloads, mostPayloads = 100 << 20, 1 << 30
	// leastWindow is one flow's least window, in bytes: the largest message fits.
	leastWindow = 10 << 20
	// goShare is what Go's collector may let the process grow to, in percent of the container's memory; stacks, binaries and the
	// kernel's buffers need the rest.
	goShare = 90
)

// byteWindow returns how many bytes of payload each of the shares may hold.
func byteWindow(memory int64, shares int) int {
	payloads := int64(defaultPayloads)
	if memory > 0 {
		payloads = min(memory/payloadShare, mostPayloads)
	}
	return int(max(payloads/int64(max(shares, 1)), leastWindow))
}

// limitMemory sets the process's memory limit from its container's, unless the environment has set one. It returns what undoes it.
func limitMemory(memory int64) (undo func()) {
	if memory == 0 || os.Getenv("GOMEMLIMIT") != "" {
		return func() {}
	}
	before := debug.SetMemoryLimit(memory / 100 * goShare)
	return func() { debug.SetMemoryLimit(before) }
}

// memoryLimit returns the process's memory limit in bytes; 0 for none.
func memoryLimit() int64 {
	if limit := debug.SetMemoryLimit(-1); limit != math.MaxInt64 {
		return limit
	}
	return 0
}

// newProcessMetrics registers the series of the process. A limit that there is not has no series: 0 would say that nothing is
// allowed.
func newProcessMetrics(reg prometheus.Registerer, l cgroup.Limits) {
	if l.CPUs == 0 {
		return
	}
	promauto.With(reg).NewGauge(prometheus.GaugeOpts{
		Name: "pubsub_worker_cpu_limit_cores",
		Help: "Processor seconds a second that the container may use; no series where it has no limit.",
	}).Set(l.CPUs)
}
