package demo

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"spillway/internal/hpa"
)

// line of workers without processes.
type fakePods struct {
	n     int
	calls []int
}

func (p *fakePods) Scale(_ context.Context, n int) { p.n, p.calls = n, append(p.calls, n) }

func (p *fakePods) Replicas() Replicas { return Replicas{Wanted: p.n, Serving: p.n} }

// follow runs the scaler through a story of backlogs: each value holds from its moment on.
func follow(t *testing.T, pace Pace, until time.Duration, backlog func(at time.Duration) (float64, error)) (*fakePods, []Sync) {
	t.Helper()
	pods := &fakePods{n: minReplicas}
	begin := time.Now()
	read := func(context.Context, policy) (float64, error) { return backlog(pace.Story(time.Since(begin))) }
	s, err := NewScaler(policyOf(policyBacklog, pace), pods, read)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), pace.Wall(until))
	defer cancel()
	var syncs []Sync
	s.Run(ctx, begin, pace, func(s Sync) { syncs = append(syncs, s) })
	return pods, syncs
}

func TestTheAutoscalerRisesWithTheBacklogAndComesDownByTwentyPercentAMinute(t *testing.T) {
	for _, pace := range []Pace{realPace, defaultPace} {
		synctest.Test(t, func(t *testing.T) {
			full := 20 * averageValue / float64(pace)
			pods, syncs := follow(t, pace, 20*time.Minute, func(at time.Duration) (float64, error) {
				if at > time.Minute && at < 3*time.Minute {
					return full, nil
				}
				return 0, nil
			})
			if diff := cmp.Diff([]int{6, 12, 20, 16, 12, 9, 7, 5, 4, 3, 2}, pods.calls); diff != "" {
				t.Errorf("pace %g:\n%s", float64(pace), diff)
			}
			raised, lowered := 0, time.Duration(0)
			for _, s := range syncs {
				if s.Raised() {
					raised++
				}
				if s.Rescale && !s.Raised() && lowered == 0 {
					lowered = s.At
				}
			}
			if raised != 3 || lowered < 7*time.Minute+30*time.Second || lowered > 8*time.Minute+time.Second {
				t.Errorf("pace %g: raised %d times, first lowered at %s", float64(pace), raised, lowered)
			}
		})
	}
}

func TestAnUnknownBacklogChangesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pods, syncs := follow(t, defaultPace, 5*time.Minute, func(time.Duration) (float64, error) {
			return 0, errors.New("no such series")
		})
		if len(pods.calls) != 0 || len(syncs) == 0 {
			t.Fatalf("scaled to %v in %d syncs", pods.calls, len(syncs))
		}
		for _, s := range syncs {
			if s.Reason != hpa.ReasonMetricError || s.Err == nil {
				t.Fatalf("got %+v", s)
			}
		}
	})
}

func TestSyncsAreFifteenSecondsOfTheStoryApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, syncs := follow(t, fastPace, 10*time.Minute, func(time.Duration) (float64, error) { return 0, nil })
		if n := len(syncs); n < 38 || n > 40 {
			t.Fatalf("%d syncs in 10 minutes", n)
		}
	})
}
