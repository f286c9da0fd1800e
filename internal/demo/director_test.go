package demo

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"spillway/internal/demo/page"
)

// stagedAct is an act whose emulator notes the faults that it is told of, and whose fleet is a crew.
func stagedAct(t *testing.T, opts Options) (a *act, told func() string) {
	t.Helper()
	var last string
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var in struct{ Monitoring []string }
		if r.URL.Path == "/admin/faults" && json.NewDecoder(r.Body).Decode(&in) == nil {
			last = strings.Join(in.Monitoring, " ")
		}
	}))
	t.Cleanup(server.Close)
	s := &stage{
		flow: sellingOffers(), client: server.Client(), bench: newBench(opts.WorkTime), emulator: &child{address: server.Listener.Addr().String()},
	}
	s.wiring = newWiring(s.emulator.address)
	s.fleet = NewFleet(func(name string) runner {
		return s.wiring.wire(name, func(string) runner { return newCrew().worker(name) })
	}, nil)
	app := &App{opts: opts, pace: opts.pace(), story: offers(), board: page.NewBoard(1)}
	a, err := app.newAct(s, policyOf(policyBacklog, app.pace))
	if err != nil {
		t.Fatal(err)
	}
	a.begin = time.Now()
	return a, func() string { return last }
}

func TestTheControls(t *testing.T) {
	a, told := stagedAct(t, DefaultOptions())
	order := func(o page.Order) {
		t.Helper()
		if err := a.Direct(t.Context(), o); err != nil {
			t.Errorf("%+v: %v", o, err)
		}
	}
	order(page.Order{Do: page.ActionRate, Value: 700})
	order(page.Order{Do: page.ActionSpike})
	order(page.Order{Do: page.ActionBulk})
	a.dial.Schedule(time.Second)
	if d := a.dial.state(); d.rate != 700 || !d.spike || !d.taken || d.due < 20000+7000 {
		t.Errorf("the dial stands at %+v", d)
	}
	order(page.Order{Do: page.ActionPolicy, Policy: policyDesired})
	if p, _ := a.scaler.state(); p.name != policyDesired || p.series != desiredSeries {
		t.Errorf("the policy is %+v", p)
	}
	order(page.Order{Do: page.ActionSlow, On: true})
	if got := a.stage.bench.begin("worker-1"); got != 200*time.Millisecond {
		t.Errorf("a slow handler takes %s", got)
	}
	for _, tt := range []struct {
		order page.Order
		want  string
	}{
		{page.Order{Do: page.ActionGap, On: true}, "gap"},
		{page.Order{Do: page.ActionRegion, On: true}, "gap region,region=europe-west4"},
		{page.Order{Do: page.ActionGap}, "region,region=europe-west4"},
		{page.Order{Do: page.ActionRegion}, ""},
	} {
		order(tt.order)
		if told() != tt.want {
			t.Errorf("the emulator was told %q, want %q", told(), tt.want)
		}
	}
}

func TestControlsThatCannotBeHadSayWhy(t *testing.T) {
	a, _ := stagedAct(t, DefaultOptions())
	for _, o := range []page.Order{{Do: page.ActionKill}, {Do: page.ActionKill, Worker: "worker-9"}, {Do: page.ActionCut, On: true}} {
		if err := a.Direct(t.Context(), o); err == nil || !strings.HasSuffix(err.Error(), "does not serve at the moment") {
			t.Errorf("%+v: %v", o, err)
		}
	}
	if a.dial.state().taken {
		t.Error("what was not done took the show over")
	}
	opts := DefaultOptions()
	opts.Policy = policyBoth
	compared, _ := stagedAct(t, opts)
	if err := compared.Direct(t.Context(), page.Order{Do: page.ActionBulk}); !errors.Is(err, errCompared) {
		t.Errorf("while policies are compared: %v", err)
	}
	if err := new(App).Direct(t.Context(), page.Order{Do: page.ActionBulk}); !errors.Is(err, errNoAct) {
		t.Errorf("before the show: %v", err)
	}
}

func TestAWorkerIsCutOffAndMended(t *testing.T) {
	a, _ := stagedAct(t, DefaultOptions())
	a.stage.fleet.Scale(t.Context(), 2)
	defer a.stage.fleet.Stop(t.Context())
	for begin := time.Now(); a.stage.fleet.Replicas().Serving < 2; time.Sleep(10 * time.Millisecond) {
		if time.Since(begin) > bound {
			t.Fatal("the workers do not serve")
		}
	}
	for _, tt := range []struct {
		order page.Order
		want  string
	}{
		{page.Order{Do: page.ActionCut, On: true}, "worker-2"},
		{page.Order{Do: page.ActionCut, On: true}, "worker-1 worker-2"},
		{page.Order{Do: page.ActionCut, Worker: "worker-2"}, "worker-1"},
		{page.Order{Do: page.ActionCut, Worker: "worker-1"}, ""},
	} {
		if err := a.Direct(t.Context(), tt.order); err != nil {
			t.Errorf("%+v: %v", tt.order, err)
		}
		if got := strings.Join(a.stage.wiring.cutOff(), " "); got != tt.want {
			t.Errorf("cut off are %q, want %q", got, tt.want)
		}
	}
	if err := a.Direct(t.Context(), page.Order{Do: page.ActionKill, Worker: "worker-1"}); err != nil {
		t.Error(err)
	}
}
