package conformance

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"spillway/hpa-conformance/scenes"
	"spillway/hpa-conformance/trace"
	"spillway/hpa-conformance/upstream"
	"spillway/internal/hpa"
)

// The variables of a longer run: how many decisions, and the seed of the first trace.
const (
	decisionsVariable = "SPILLWAY_HPA_DECISIONS"
	seedVariable      = "SPILLWAY_HPA_SEED"
)

const (
	syncs         = 100 // Of one trace.
	leastDeciding = 30  // Percent of the decisions that change or limit something.
)

func TestMain(m *testing.M) {
	upstream.Silence()
	os.Exit(m.Run())
}

// TestConformance compares ours with the real controller until there have been enough decisions, and holds that they took every path.
func TestConformance(t *testing.T) {
	wanted, first := number(t, decisionsVariable, 30_000), number(t, seedVariable, 1)
	began, decisions, deciding, differences := time.Now(), 0, 0, 0
	counts := make(map[string]int)
	for seed := first; decisions < wanted; seed++ {
		played := play(t, uint64(seed))
		decisions += len(played.Steps)
		spec := played.Spec
		d := trace.Replay(played, func(s *trace.Step, out *hpa.Outcome) {
			if s.Spec != nil {
				spec = *s.Spec
			}
			if changes(out) {
				deciding++
			}
			count(counts, &sight{spec: &spec, step: s, out: out})
		})
		if d == nil {
			continue
		}
		if differences++; differences <= 3 {
			report(t, played, d)
		}
	}
	for _, p := range paths() {
		if counts[p.name] == 0 {
			t.Errorf("no decision took the path %q", p.name)
		}
		fmt.Printf("%8d  %s\n", counts[p.name], p.name)
	}
	share := 100 * float64(deciding) / float64(decisions)
	if share < leastDeciding {
		t.Errorf("%.1f %% of the decisions change or limit something, want %d", share, leastDeciding)
	}
	fmt.Println("=== rows")
	fmt.Printf("hpa_conformance_decisions %d decisions\n", decisions)
	fmt.Printf("hpa_conformance_differences %d differences\n", differences)
	fmt.Printf("hpa_conformance_deciding %.1f percent\n", share)
	fmt.Printf("hpa_conformance_paths %d paths\n", len(paths()))
	fmt.Printf("hpa_conformance_seconds %.1f seconds\n", time.Since(began).Seconds())
}

// changes says whether a decision changes or limits something.
func changes(out *hpa.Outcome) bool {
	switch out.Reason { //nolint:exhaustive // the others leave the number as the metrics gave it
	case hpa.ReasonUpStabilized, hpa.ReasonDownStabilized, hpa.ReasonScaleUpLimit, hpa.ReasonScaleDownLimit, hpa.ReasonTooManyReplicas, hpa.ReasonTooFewReplicas:
		return true
	}
	return out.Rescale
}

func number(t *testing.T, variable string, otherwise int) int {
	t.Helper()
	text, set := os.LookupEnv(variable)
	if !set {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("%s=%q: must be a whole number above 0", variable, text)
	}
	return n
}

// play draws a trace and runs the real controller through it.
func play(t *testing.T, seed uint64) *trace.Trace {
	t.Helper()
	p := scenes.New(seed, syncs)
	played := p.Trace(seed)
	drive(t, played, func(w upstream.World) *trace.Step { return p.Next(w.Now, w.Replicas, w.First) })
	return played
}

func drive(t *testing.T, into *trace.Trace, next func(upstream.World) *trace.Step) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		if err := upstream.Drive(into, next); err != nil {
			t.Fatalf("seed %d: driving the real controller: %v", into.Seed, err)
		}
	})
}

// report shows the shortest trace that still differs, and how to see it again.
func report(t *testing.T, played *trace.Trace, d *trace.DifferenceError) {
	t.Helper()
	played.Steps = played.Steps[:d.Step+1]
	short := shorten(played, func(c *trace.Trace) bool { return trace.Replay(again(t, c), nil) != nil })
	d = trace.Replay(short, nil)
	lines := []any{struct {
		Period time.Duration
		Spec   hpa.Spec
		Status hpa.Status
	}{short.Period, short.Spec, short.Status}}
	for _, s := range short.Steps {
		s.Did = trace.Answer{} // Of the last step it stands in d, the others agree.
		lines = append(lines, s)
	}
	var text strings.Builder
	for _, l := range lines {
		line, err := json.Marshal(l)
		if err != nil {
			t.Fatal(err)
		}
		text.Write(append(line, '\n'))
	}
	t.Errorf("seed %d differs; to see it again: %s=%d %s=1 go test -trimpath -run=TestConformance\nthe shortest trace:\n%s%v",
		played.Seed, seedVariable, played.Seed, decisionsVariable, text.String(), d)
}
