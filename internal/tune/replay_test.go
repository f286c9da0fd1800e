package tune_test

import (
	"bytes"
	"errors"
	"math"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"spillway/internal/backlog"
	"spillway/internal/config"
	"spillway/internal/nowcast"
	"spillway/internal/recording"
	"spillway/internal/sim"
	"spillway/internal/testenv"
	"spillway/internal/tune"
)

// burst is an hour before and one after the onset of Black Friday's burst.
func burst() sim.Trace {
	whole := sim.BlackFridayBurst()
	return sim.Trace{Name: "two hours", Arrived: whole.Arrived[whole.Onset-3600 : whole.Onset+3600], Onset: 3600, Peak: whole.Peak}
}

// recorded plays two hours with a burst in them, records what the law was given, and returns the file and what it came to.
func recorded(t *testing.T, p sim.Policy, subs ...string) (path string, was sim.Outcome) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "incident.jsonl")
	w, err := recording.Create(path, 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	s := sim.DefaultSetup(burst(), p, 1)
	s.Watch = func(_ int, in *nowcast.Input, r nowcast.Result, _ float64) {
		for _, id := range subs {
			tick := recording.Tick{Flow: recording.Flow{Subscription: backlog.Subscription{Project: "shop", ID: id}}, Law: p.Law, Input: *in, Desired: r.Desired}
			if err := w.Write(&tick); err != nil {
				t.Fatal(err)
			}
		}
	}
	was, err = sim.Run(s)
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return path, was
}

func replayed(t *testing.T, o tune.ReplayOptions) string {
	t.Helper()
	var out bytes.Buffer
	app, err := tune.NewReplay(o, &out, &bytes.Buffer{})
	if err != nil {
		t.Fatal(err)
	}
	if err := app.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// row returns the figures of the table's line that begins with name.
func row(t *testing.T, text, name string) (podHours, p99, oldest, slo float64) {
	t.Helper()
	line := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(name) + ` +([\d.]+) +[\d.]+ +[\d.]+ +([\d.]+) +([\d.]+) +([\d.]+) `).FindStringSubmatch(text)
	if line == nil {
		t.Fatalf("no row %q in:\n%s", name, text)
	}
	for i, v := range []*float64{&podHours, &p99, &oldest, &slo} {
		*v, _ = strconv.ParseFloat(line[i+1], 64)
	}
	return podHours, p99, oldest, slo
}

func TestARecordingIsPlayedAgain(t *testing.T) {
	path, was := recorded(t, sim.OnDesired(), "offers")
	o := tune.DefaultReplayOptions()
	o.File, o.Target, o.Seeds = path, 40000, 1
	got := replayed(t, o)
	if !regexp.MustCompile(`(\d+) ticks; the law says the same as then at (\d+) of them`).MatchString(got) {
		t.Errorf("it does not say how far it can be believed:\n%s", got)
	}
	hours, _, oldest, _ := row(t, got, "as it was")
	if math.Abs(hours-was.PodHours) > 0.02*was.PodHours || math.Abs(oldest-was.MaxAge) > 10 {
		t.Errorf("as it was: %.1f pod-hours, oldest %.0f s; it was %.1f and %.0f", hours, oldest, was.PodHours, was.MaxAge)
	}
	hours, p99, oldest, slo := row(t, got, "played again: desired replicas, T = 60 s, h = 1.05")
	if math.Abs(hours-was.PodHours) > 0.05*was.PodHours || math.Abs(oldest-was.MaxAge) > 15 || math.Abs(p99-was.P99) > 10 || slo > was.SLOMinutes+0.5 {
		t.Errorf("played again: %.1f pod-hours, p99 %.0f, oldest %.0f s; it was %.1f, %.0f and %.0f", hours, p99, oldest, was.PodHours, was.P99, was.MaxAge)
	}
	if _, _, _, late := row(t, got, "what if: backlog, 40,000 a pod"); late < 10 {
		t.Errorf("with a raw backlog it would have been %.1f min over the SLO, want more than 10", late)
	}
	if !regexp.MustCompile(`A pod settles (19\d|20\d)/s \(learned then\) and starts in 3\d s \(the median in the recording\)`).MatchString(got) {
		t.Errorf("capacity and start-up are not of the recording:\n%s", got)
	}
}

// TestMessagesArePutWhereTheyWerePublished holds what is rebuilt against the truth: all messages, and the burst where it was, although most of it
// was delivered late.
func TestMessagesArePutWhereTheyWerePublished(t *testing.T) {
	slow := sim.OnDesired()
	slow.Spec.MaxReplicas = 9
	path, was := recorded(t, slow, "offers")
	truth := 0.0
	for _, rate := range burst().Arrived {
		truth += rate
	}
	if was.MaxAge < 200 {
		t.Fatalf("9 pods are enough, the oldest message was %.0f s old", was.MaxAge)
	}
	o := tune.DefaultReplayOptions()
	o.File, o.Max, o.Seeds = path, 20, 1
	got := replayed(t, o)
	messages := regexp.MustCompile(`: ([\d,]+) messages in 120 min, at most ([\d,]+)/s`).FindStringSubmatch(got)
	if messages == nil {
		t.Fatalf("it played:\n%s", got)
	}
	total, _ := strconv.ParseFloat(strings.ReplaceAll(messages[1], ",", ""), 64)
	most, _ := strconv.ParseFloat(strings.ReplaceAll(messages[2], ",", ""), 64)
	if math.Abs(total-truth) > 0.01*truth || math.Abs(most-4000) > 600 {
		t.Errorf("%.0f messages, at most %.0f/s; want %.0f within 1 %% and 4,000 within 600: ages are off by a twentieth\n%s", total, most, truth, got)
	}
	if _, _, oldest, slo := row(t, got, "played again: desired replicas, T = 60 s, h = 1.05"); slo > 1 || oldest > 90 {
		t.Errorf("with 20 pods it would have been %.1f min over the SLO, the oldest message %.0f s old", slo, oldest)
	}
}

func TestWhatIf(t *testing.T) {
	path, _ := recorded(t, sim.OnDesired(), "offers", "audit")
	o := tune.DefaultReplayOptions()
	o.File, o.Subscription, o.Seeds = path, "projects/shop/subscriptions/audit", 1
	o.Drain, o.Headroom, o.HPA, o.Report = 30e9, 1.2, hpa(t, "20k"), filepath.Join(t.TempDir(), "replay.html")
	got := replayed(t, o)
	for _, want := range []string{"what if: backlog, 20,000 a pod", "what if: desired replicas, T = 30 s, h = 1.2", "\nWith desired replicas, T = 30 s, h = 1.2: 0.0 min over the SLO instead of 0.0, "} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in:\n%s", want, got)
		}
	}
	testenv.Golden(t, "testdata/replay.golden", []byte(strings.ReplaceAll(got, o.Report, "REPORT")))
}

func TestRecordingsThatCannotBePlayed(t *testing.T) {
	two, _ := recorded(t, sim.OnDesired(), "offers", "audit")
	tests := []struct{ name, file, subscription, want string }{
		{"two flows", two, "", "--subscription: is required; the recording has projects/shop/subscriptions/offers, projects/shop/subscriptions/audit"},
		{"another flow", two, "x", `--subscription "x": is not in the recording`},
		{"no recording", file(t, "x", "hello\n"), "", "not a recording of this version"},
		{"empty", file(t, "x", "{\"spillway_recording\":1}\n"), "", "has 0 ticks, less than a minute"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := tune.DefaultReplayOptions()
			o.File, o.Subscription = tt.file, tt.subscription
			app, err := tune.NewReplay(o, &bytes.Buffer{}, &bytes.Buffer{})
			if err != nil {
				t.Fatal(err)
			}
			err = app.Run(t.Context())
			if _, ok := errors.AsType[*config.Error](err); !ok || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want one about %q", err, tt.want)
			}
		})
	}
	o := tune.DefaultReplayOptions()
	o.Target, o.Drain, o.Headroom, o.Capacity, o.Max, o.Min = -1, 1, 0.5, -2, 1, 2
	if err := o.Validate(); len(config.List(err)) != 6 {
		t.Errorf("%d faults, want 6: %v", len(config.List(err)), err)
	}
}
