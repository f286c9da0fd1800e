package demo

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"spillway/internal/hpa"
)

// update rewrites the goldens: go test ./internal/demo -run TestGoldens -update.
var update = flag.Bool("update", false, "rewrite testdata/*.golden")

// told plays the story to a tracker with a simple model of workers and Monitoring, up to a moment of the story.
func told(until time.Duration) Frame {
	const pace, perWorker = defaultPace, 200.0
	t := newTracker(offers(), pace, 50*time.Millisecond)
	backlog, handled, wanted := 0.0, 0.0, 2
	step, read := 250*time.Millisecond, unread()
	for wall := time.Duration(0); pace.Story(wall) <= until; wall += step {
		at := pace.Story(wall)
		p, _ := offers().At(at)
		done := min(backlog+p.Rate*step.Seconds(), float64(wanted)*perWorker*step.Seconds())
		backlog += p.Rate*step.Seconds() - done
		handled += done
		published := int64(handled + backlog)
		counts := Counts{Published: published, Handled: int64(handled), Waiting: published - int64(handled)}
		t.observe(observation{
			elapsed: wall, before: counts, after: counts, backlog: Level{Messages: counts.Waiting, Known: true},
			replicas: Replicas{Wanted: wanted, Serving: wanted}, reading: read,
			latest: Ages{P50: 52 * time.Millisecond, P99: 4200 * time.Millisecond, Known: true},
			all:    Ages{P50: 2300 * time.Millisecond, P99: 11 * time.Second, Known: true},
		})
		if at%time.Minute == 0 {
			late, from := Sync{At: at, Err: errors.New("nothing"), Decision: hpa.Decision{Reason: hpa.ReasonMetricError}}, wanted
			if i := int((at - 3*time.Minute) / historyStep); at >= 3*time.Minute {
				late = Sync{At: at, Value: float64(t.frame.History[i].Backlog.Messages), Decision: hpa.Decision{Reason: hpa.ReasonMetric}}
				read = shows(int64(late.Value))
				asked := min(maxReplicas, max(minReplicas, int(late.Value/3333)))
				late.From, late.Rescale, late.Desired = from, asked != wanted, int32(asked)
				wanted = max(asked, wanted*8/10)
			}
			t.sync(late)
		}
	}
	return t.frame
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got; -update rewrites it):\n%s", path, diff)
	}
}

func TestGoldens(t *testing.T) {
	v := view{story: offers(), pace: defaultPace}
	lossy := told(12 * time.Minute)
	lossy.Lost, lossy.Counts.Duplicated, lossy.Failed = 3, 1, 2
	lossy.Faults = []string{"worker-3: exit status 2; it said: panic: assignment to entry in nil map"}
	lossy.Replicas.Draining = 2
	tests := []struct {
		name  string
		frame Frame
		width int
	}{
		{"begin-80", told(20 * time.Second), 80},
		{"burst-80", told(12 * time.Minute), 80},
		{"burst-120", told(12 * time.Minute), 120},
		{"calm-80", told(28 * time.Minute), 80},
		{"lossy-100", lossy, 100},
		{"narrow-40", told(12 * time.Minute), 40},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			golden(t, tt.name, strings.Join(v.render(tt.frame, tt.width), "\n")+"\n")
		})
	}
	golden(t, "summary", v.summary(told(28*time.Minute)))
	golden(t, "summary-lossy", v.summary(lossy))
	taken := told(28 * time.Minute)
	taken.Taken = true
	golden(t, "summary-taken", v.summary(taken))
	right := told(28 * time.Minute)
	right.All, right.RightSize, right.PodSeconds = Ages{P50: 52 * time.Millisecond, P99: 3200 * time.Millisecond, Known: true}, 0, 1381.4
	golden(t, "comparison", v.comparison(told(28*time.Minute), right))
	golden(t, "line", v.line(told(12*time.Minute))+"\n"+v.line(Frame{})+"\n")
}

func TestNoLineIsWiderThanTheTerminal(t *testing.T) {
	f := told(12 * time.Minute)
	f.Faults = []string{strings.Repeat("wide ", 100)}
	for width := range 200 {
		for _, line := range (view{story: offers(), pace: defaultPace}).render(f, width) {
			if n := utf8.RuneCountInString(line); n > max(0, width-1) {
				t.Fatalf("width %d: %d characters in %q", width, n, line)
			}
		}
	}
}

func TestTheViewFitsATerminalOf24Lines(t *testing.T) {
	f := told(12 * time.Minute)
	f.Faults = []string{"1", "2", "3", "4"}
	if lines := (view{story: offers(), pace: defaultPace}).render(f, 80); len(lines) > 23 {
		t.Fatalf("%d lines", len(lines))
	}
}

func TestColorsMarkTheTitleAndWhatWentWrong(t *testing.T) {
	v := view{story: offers(), pace: defaultPace, color: true}
	red := func(f Frame) (n int) {
		for _, line := range v.render(f, 80) {
			if strings.HasPrefix(line, "\x1b[31m") && strings.HasSuffix(line, "\x1b[0m") {
				n++
			}
		}
		return n
	}
	f := told(time.Minute)
	if title := v.render(f, 80)[0]; !strings.HasPrefix(title, "\x1b[1m spillway demo") || red(f) != 0 {
		t.Errorf("title %q, %d red lines", title, red(f))
	}
	f.Lost, f.Faults = 1, []string{"worker-1 ended by itself"}
	if red(f) != 2 {
		t.Errorf("%d red lines", red(f))
	}
}

func TestEveryReasonIsExplained(t *testing.T) {
	for _, r := range []hpa.Reason{
		hpa.ReasonMetricError, hpa.ReasonWithinTolerance, hpa.ReasonMetric, hpa.ReasonUpStabilized, hpa.ReasonDownStabilized,
		hpa.ReasonScaleUpLimit, hpa.ReasonScaleDownLimit, hpa.ReasonTooManyReplicas, hpa.ReasonTooFewReplicas,
	} {
		if text := explain(r); !strings.HasPrefix(text, string(r)+": ") {
			t.Errorf("%s: %q", r, text)
		}
	}
	if explain("") != "has not looked yet" || explain(hpa.ReasonDisabled) != string(hpa.ReasonDisabled) {
		t.Errorf("got %q and %q", explain(""), explain(hpa.ReasonDisabled))
	}
}

func TestFormats(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -1000: "-1,000"} {
		if got := number(n); got != want {
			t.Errorf("%d is written %s", n, got)
		}
	}
	for d, want := range map[time.Duration]string{
		52 * time.Millisecond: "52 ms", 1540 * time.Millisecond: "1.5 s", 74 * time.Second: "74 s",
	} {
		if got := age(d); got != want {
			t.Errorf("%s is written %s", d, got)
		}
	}
	if clock(125*time.Second+600*time.Millisecond) != "2m06s" || speed(1) != "in real time" || speed(12) != "12 times as fast" {
		t.Error(clock(125*time.Second+600*time.Millisecond), speed(1), speed(12))
	}
}

func TestBars(t *testing.T) {
	tests := []struct {
		name   string
		values []float64
		rows   int
		want   []string
	}{
		{"eighths", []float64{0, 1, 2, 3, 4, 5, 6, 7, 8}, 1, []string{" ▁▂▃▄▅▆▇█"}},
		{"two rows", []float64{0, 2, 4, 6, 8}, 2, []string{"   ▄█", " ▄███"}},
		{"a little is seen", []float64{0.001}, 1, []string{"▁"}},
		{"unknown and too much", []float64{-1, 9}, 1, []string{" █"}},
		{"nothing", nil, 2, []string{"", ""}},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, bars(tt.values, 8, tt.rows)); diff != "" {
			t.Errorf("%s:\n%s", tt.name, diff)
		}
	}
}

func TestSpread(t *testing.T) {
	tests := []struct {
		name        string
		values      []float64
		span, width int
		want        []float64
	}{
		{"as many columns as values", []float64{1, 2, 3}, 3, 3, []float64{1, 2, 3}},
		{"the greatest of each column", []float64{1, 5, 3, 4}, 4, 2, []float64{5, 4}},
		{"a value over several columns", []float64{1, 2}, 2, 4, []float64{1, 1, 2, 2}},
		{"columns that are not reached", []float64{1, 2}, 4, 4, []float64{1, 2}},
		{"more values than the span", []float64{1, 2, 3, 4}, 2, 2, []float64{2, 4}},
		{"nothing", nil, 0, 3, []float64{}},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, spread(tt.values, tt.span, tt.width)); diff != "" {
			t.Errorf("%s:\n%s", tt.name, diff)
		}
	}
}
