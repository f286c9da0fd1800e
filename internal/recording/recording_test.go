package recording_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"spillway/internal/backlog"
	"spillway/internal/nowcast"
	"spillway/internal/recording"
)

func noon() time.Time { return time.Date(2026, time.November, 27, 12, 0, 0, 250e6, time.UTC) }

// full has every field.
func full() recording.Tick {
	at := func(s float64) time.Time { return noon().Add(-time.Duration(s * float64(time.Second))) }
	law := nowcast.DefaultLaw()
	law.Capacity, law.MaxRate, law.Min, law.Max, law.IgnoreCPU = 200, 5000, 2, 20, true
	return recording.Tick{
		Flow: recording.Flow{Subscription: backlog.Subscription{Project: "shop", ID: "offers"}, Autoscaler: "shop/offers"},
		Law:  law,
		Input: nowcast.Input{
			Now: noon(), Replicas: 4, Hold: true,
			Backlog: backlog.Sample{Value: 12000, At: at(95)}, Before: backlog.Sample{Value: 9000.5, At: at(155)}, Acks: backlog.Sample{Value: 780, At: at(200)},
			Pods: []nowcast.Pod{{
				Name: "worker-1", Ready: true, Terminating: true, Started: at(3600), At: at(0.8), InFlight: 19, Slots: 20, Delivered: 1e6, Left: 9.9e5,
				Acked: 9.8e5, Nacked: 12, AckedSeconds: 98000.125, Frontier: at(50.5), Delivery: at(-0.1), Connected: true, Paused: true,
				CPUSeconds: 1234.5, CPULimit: 0.5, AllAcked: 2e6,
			}},
		},
		Desired: nowcast.Estimate{Reading: backlog.Reading{Sample: backlog.Sample{Value: 7.25, At: noon()}, State: backlog.Fresh}},
	}
}

// bare has nothing that may be missing.
func bare() recording.Tick {
	return recording.Tick{
		Flow: recording.Flow{Subscription: backlog.Subscription{Project: "shop", ID: "orders"}},
		Law:  nowcast.DefaultLaw(), Input: nowcast.Input{Now: noon(), Replicas: -1},
	}
}

func write(t *testing.T, path string, bound int64, ticks ...recording.Tick) {
	t.Helper()
	w, err := recording.Create(path, bound)
	if err != nil {
		t.Fatal(err)
	}
	for i := range ticks {
		if err := w.Write(&ticks[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

func readFile(t *testing.T, path string) []recording.Tick {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var ticks []recording.Tick
	for tick, err := range recording.Read(file) {
		if err != nil {
			t.Fatal(err)
		}
		ticks = append(ticks, tick)
	}
	return ticks
}

func TestWhatWasWrittenIsRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ticks")
	changed := full()
	changed.Law.Headroom, changed.Input.Now = 1.2, noon().Add(5*time.Second)
	changed.Desired.At = changed.Input.Now
	want := []recording.Tick{full(), bare(), changed, full()}
	write(t, path, 1<<20, want...)
	if diff := cmp.Diff(want, readFile(t, path)); diff != "" {
		t.Fatal(diff)
	}
}

func TestAFileIsBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ticks")
	var all []recording.Tick
	for range 100 {
		all = append(all, full())
	}
	write(t, path, 10_000, all...)
	for _, name := range []string{path, path + ".1"} {
		stat, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if stat.Size() > 12_000 {
			t.Errorf("%s has %d bytes", name, stat.Size())
		}
		for _, got := range readFile(t, name) { // each can be read alone
			if diff := cmp.Diff(full(), got); diff != "" {
				t.Fatal(diff)
			}
		}
	}
}

func TestALineThatIsCutOffIsLeftOut(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ticks")
	write(t, path, 1<<20, full(), full())
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, text[:len(text)-20], 0o600); err != nil {
		t.Fatal(err)
	}
	if got := readFile(t, path); len(got) != 1 {
		t.Fatalf("%d ticks are left", len(got))
	}
}

func TestWhatIsNoRecording(t *testing.T) {
	const head = `{"spillway_recording":1}` + "\n"
	tests := []struct{ name, text, want string }{
		{"text", "hello\n", "line 1: not a recording"},
		{"another version", `{"spillway_recording":2}` + "\n", "line 1: not a recording of this version (1)"},
		{"an unknown flow", head + `{"f":3,"t":1}` + "\n", "line 2: flow 3 has not been introduced"},
		{"a flow without a law", head + `{"flow":3,"subscription":"projects/shop/subscriptions/offers"}` + "\n", "line 2: the flow has no law"},
		{"a wrong law", head + `{"flow":3,"subscription":"projects/shop/subscriptions/offers","law":{"headroom":0}}` + "\n", "headroom"},
		{"a wrong name", head + `{"flow":3,"subscription":"offers","law":{}}` + "\n", "line 2: "},
		{"a broken line", head + "{\n", "line 2: not a recording"},
		{"a line without an end", head + strings.Repeat("x", 5<<20), "line 2: more than 4194304 bytes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for tick, err := range recording.Read(strings.NewReader(tt.text)) {
				if err == nil {
					t.Fatalf("it reads %+v", tick)
				}
				if !strings.Contains(err.Error(), tt.want) {
					t.Fatalf("%q does not say %q", err, tt.want)
				}
				return
			}
			t.Fatal("it reads nothing and says nothing")
		})
	}
}

func TestADiskThatFailsIsToldOnceAndForAll(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ticks")
	w, err := recording.Create(path, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	tick := full()
	first := w.Write(&tick) // it cannot keep the file that is gone
	if first == nil || !errors.Is(w.Write(&tick), os.ErrNotExist) || w.Flush() == nil || w.Close() == nil {
		t.Fatal(first)
	}
	if _, err := recording.Create(filepath.Join(path, "no", "such"), 1); err == nil {
		t.Fatal("a file in no directory")
	}
}

func TestOnlyARecordingIsReplaced(t *testing.T) {
	tests := map[string]struct {
		content string
		want    string // what the error says; empty: it is replaced
	}{
		"a recording":                  {`{"spillway_recording":1}` + "\n", ""},
		"one of another version":       {`{"spillway_recording":7}` + "\n", ""},
		"an empty file":                {"", ""},
		"a manifest":                   {"kind: HorizontalPodAutoscaler\n", "holds something that is no recording"},
		"less than a recording's line": {"{", "holds something that is no recording"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "file")
			if err := os.WriteFile(path, []byte(tt.content), 0o600); err != nil {
				t.Fatal(err)
			}
			w, err := recording.Create(path, 1<<20)
			if tt.want == "" {
				if err != nil || w.Close() != nil {
					t.Fatal(err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
			if content, err := os.ReadFile(path); err != nil || string(content) != tt.content {
				t.Errorf("the file is now %q, %v", content, err)
			}
		})
	}
	if _, err := recording.Create(t.TempDir(), 1); err == nil || !strings.Contains(err.Error(), "is no file") {
		t.Errorf("a folder: %v", err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"spillway_recording":1}` + "\n" + `{"flow":0,"subscription":"projects/p/subscriptions/s","law":{"drain_seconds":60,"headroom":1,"stale_seconds":300,"scrape_seconds":20}}` +
		"\n" + `{"f":0,"t":1,"backlog":[1,2],"pods":[{"name":"a","at":5}]}` + "\n"))
	f.Fuzz(func(_ *testing.T, text []byte) {
		for tick, err := range recording.Read(strings.NewReader(string(text))) {
			if err == nil {
				var s nowcast.State
				s.Tick(tick.Law, tick.Input)
			}
		}
	})
}
