package consume

import (
	"runtime/debug"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"spillway/internal/cgroup"
)

func TestTheByteWindowComesFromTheContainersMemory(t *testing.T) {
	tests := []struct {
		name   string
		memory int64 // bytes; 0 without a limit
		shares int
		want   int
	}{
		{"no limit", 0, 1, 100 << 20},
		{"no limit, four flows", 0, 4, 25 << 20},
		{"512 MiB", 512 << 20, 1, 128 << 20},
		{"512 MiB, two flows", 512 << 20, 2, 64 << 20},
		{"a small container still takes the largest message", 32 << 20, 1, 10 << 20},
		{"many flows still take the largest message each", 128 << 20, 100, 10 << 20},
		{"64 GiB", 64 << 30, 1, 1 << 30},
		{"nothing that pulls", 512 << 20, 0, 128 << 20},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := byteWindow(tt.memory, tt.shares); got != tt.want {
				t.Errorf("got %d, want %d", got, tt.want)
			}
		})
	}
}

func TestTheMemoryLimitIsTheUsersOrMostOfTheContainers(t *testing.T) {
	before := debug.SetMemoryLimit(-1)
	t.Setenv("GOMEMLIMIT", "")
	undo := limitMemory(1000 << 20)
	if got := memoryLimit(); got != 900<<20 {
		t.Errorf("%d of 1000 MiB", got)
	}
	undo()
	if got := debug.SetMemoryLimit(-1); got != before {
		t.Errorf("%d is left, it was %d", got, before)
	}
	limitMemory(0)()
	t.Setenv("GOMEMLIMIT", "500MiB") // The runtime reads it at the start of the process.
	defer limitMemory(1000 << 20)()
	if got := debug.SetMemoryLimit(-1); got != before {
		t.Errorf("the user's limit was changed to %d", got)
	}
}

func TestALimitThatThereIsNotHasNoSeries(t *testing.T) {
	reg := prometheus.NewRegistry()
	newProcessMetrics(reg, cgroup.Limits{})
	if n, err := testutil.GatherAndCount(reg); n != 0 || err != nil {
		t.Errorf("%d series, %v", n, err)
	}
	newProcessMetrics(reg, cgroup.Limits{CPUs: 1.5})
	want := `
# HELP pubsub_worker_cpu_limit_cores Processor seconds a second that the container may use; no series where it has no limit.
# TYPE pubsub_worker_cpu_limit_cores gauge
pubsub_worker_cpu_limit_cores 1.5
`
	if err := testutil.GatherAndCompare(reg, strings.NewReader(want)); err != nil {
		t.Error(err)
	}
}

func TestMemoryIsSharedByThoseThatPullAndAllPushesTogether(t *testing.T) {
	flows := func(receive ...string) (list []FlowOptions) {
		for _, r := range receive {
			list = append(list, FlowOptions{Receive: r})
		}
		return list
	}
	for _, tt := range []struct {
		flows []FlowOptions
		want  int
	}{
		{flows("pull"), 1},
		{flows("pull", "pull"), 2},
		{flows("push", "push"), 1},
		{flows("both"), 2},
		{flows("pull", "push", "both"), 3},
	} {
		if got := shares(tt.flows); got != tt.want {
			t.Errorf("%v: %d, want %d", tt.flows, got, tt.want)
		}
	}
}
