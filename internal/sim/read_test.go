package sim_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"spillway/internal/sim"
)

// matrix is Prometheus' answer with these values.
func matrix(values string) string {
	return `{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"a":"b"},"values":[` + values + `]}]}}`
}

func TestReadPrometheus(t *testing.T) {
	tests := []struct {
		name, json string
		want       []float64
		problem    string
	}{
		{name: "rates last until the next value", json: matrix(`[1700000000,"10"],[1700000002,"20"],[1700000004.5,"5"]`), want: []float64{10, 10, 20, 20, 5, 5}},
		{name: "what is no number is a gap", json: matrix(`[1,"10"],[2,"NaN"],[3,"20"]`), want: []float64{10, 10, 20, 20}},
		{name: "an error", json: `{"status":"error","error":"too many points"}`, problem: "too many points"},
		{name: "an instant", json: `{"status":"success","data":{"resultType":"vector","result":[]}}`, problem: "query_range"},
		{name: "no series", json: `{"status":"success","data":{"resultType":"matrix","result":[]}}`, problem: "no series"},
		{name: "two series", json: `{"status":"success","data":{"resultType":"matrix","result":[{},{}]}}`, problem: "2 series; put sum() around it"},
		{name: "one value", json: matrix(`[1,"10"]`), problem: "two rows"},
		{name: "time falls", json: matrix(`[5,"10"],[1,"10"]`), problem: "value 2"},
		{name: "infinite", json: matrix(`[1,"10"],[2,"+Inf"]`), problem: "value 2"},
		{name: "a value that is no text", json: matrix(`[1,10],[2,10]`), problem: "value 1"},
		{name: "not JSON", json: `<html>`, problem: "not that of Prometheus"},
		{name: "empty", json: ``, problem: "not that of Prometheus"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := sim.ReadPrometheus("trace", strings.NewReader(tt.json))
			if tt.problem != "" {
				if !errors.Is(err, sim.ErrBadTrace) || !strings.Contains(err.Error(), tt.problem) {
					t.Fatalf("error %v, want one about %q", err, tt.problem)
				}
				return
			}
			if diff := cmp.Diff(tt.want, got.Arrived); err != nil || diff != "" {
				t.Errorf("error %v\n%s", err, diff)
			}
		})
	}
}

func FuzzReadPrometheus(f *testing.F) {
	f.Add(matrix(`[1,"10"],[2,"20"]`))
	f.Add(`{"status":"error"}`)
	f.Fuzz(func(t *testing.T, json string) {
		tr, err := sim.ReadPrometheus("trace", strings.NewReader(json))
		if err != nil && (!errors.Is(err, sim.ErrBadTrace) || len(tr.Arrived) != 0) {
			t.Fatalf("error %v came with %d seconds", err, len(tr.Arrived))
		}
		for _, rate := range tr.Arrived {
			if !(rate >= 0 && rate <= 1e12) {
				t.Fatalf("a rate of %v", rate)
			}
		}
	})
}

func TestTheSteepestStepIsTheOnset(t *testing.T) {
	spike := sim.Spike()
	if found := (sim.Trace{Arrived: spike.Arrived}).WithOnset(); found.Onset != spike.Onset || found.Peak < 0.99*spike.Peak || found.Peak > 1.05*spike.Peak {
		t.Errorf("onset %d with %.0f/s, want %d with %.0f/s", found.Onset, found.Peak, spike.Onset, spike.Peak)
	}
	if found := sim.NormalDay().WithOnset(); found.Onset != 0 {
		t.Errorf("a sine has a step at %d", found.Onset)
	}
	if found := steady(5, 30).WithOnset(); found.Onset != 0 {
		t.Errorf("half a minute has a step at %d", found.Onset)
	}
}
