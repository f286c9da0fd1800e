package export

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"spillway/internal/backlog"
	"spillway/internal/fleet"
	"spillway/internal/nowcast"
	"spillway/internal/recording"
)

// member is a worker that counts without noise: 20 slots of 0.1 s, so 200 messages a second. What it says is a page as our worker's.
type member struct {
	id                                string
	subs                              []backlog.Subscription
	ready, terminating, silent, empty bool
	acked, nacked, first              float64
	inFlight                          int
	frontier                          time.Time
	read                              time.Time
	last                              string
	paused                            bool
}

func (m *member) page(now time.Time) string {
	var b strings.Builder
	for _, sub := range m.subs {
		paused := 0
		if m.paused {
			paused = 1
		}
		fmt.Fprintf(&b, `pubsub_worker_messages_in_flight{subscription=%[1]q} %[2]d
pubsub_worker_concurrency_limit{subscription=%[1]q} 20
pubsub_worker_first_deliveries_total{subscription=%[1]q} %[3]f
pubsub_worker_messages_settled_total{reason="ok",result="ack",subscription=%[1]q} %[4]f
pubsub_worker_messages_settled_total{reason="status_5xx",result="nack",subscription=%[1]q} %[5]f
pubsub_worker_handler_duration_seconds_sum{result="ack",subscription=%[1]q} %[6]f
pubsub_worker_frontier_timestamp_seconds{subscription=%[1]q} %[7]f
pubsub_worker_last_message_timestamp_seconds{subscription=%[1]q} %[8]f
pubsub_worker_stream_connected{subscription=%[1]q} 1
pubsub_worker_paused{subscription=%[1]q} %[9]d
`, sub.ID, m.inFlight, m.first, m.acked, m.nacked, m.acked/10, seconds(m.frontier), seconds(now), paused)
	}
	return b.String()
}

func seconds(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMilli()) / 1e3
}

// lab is an estimator whose clock, samples and workers are the test's.
type lab struct {
	t       *testing.T
	e       *estimator
	p       *project
	now     time.Time
	members []*member
	team    team
	app     *App
}

func newLab(t *testing.T, members int, flags ...string) *lab {
	t.Helper()
	o := parse(t, append([]string{"--subscription=projects/shop/subscriptions/offers", "--subscription=projects/shop/subscriptions/orders"}, flags...)...)
	app := &App{opts: o, log: zap.NewNop(), wants: NewWants()}
	if err := app.assemble(o.parseMetrics(nil), prometheus.NewRegistry()); err != nil {
		t.Fatal(err)
	}
	l := &lab{t: t, e: app.estimator, now: noon, app: app, team: team{
		namespace: "web", autoscaler: "offers", subs: []backlog.Subscription{offers}, replicas: members,
	}}
	l.e.teams = []func() []team{func() []team { return []team{l.team} }}
	l.p = &project{settings: app.poller.settings, id: "shop", began: noon, journal: app.poller.journal()}
	wants := map[string]want{"offers": {}, "orders": {}}
	l.p.questions(l.p.metrics, wants, noon)
	l.p.publish(l.p.metrics, wants)
	for i := range members {
		l.members = append(l.members, &member{id: fmt.Sprintf("web/worker-%d", i), subs: []backlog.Subscription{offers}, ready: true})
	}
	return l
}

// sample makes Monitoring show a level, and the acks of the minute before it, that were true so long ago.
func (l *lab) sample(messages, acks float64, ago time.Duration) {
	l.t.Helper()
	at := l.now.Add(-ago)
	wants := map[string]want{"offers": {}, "orders": {}}
	for _, h := range l.p.histories {
		var list []backlog.Measured
		switch h.def.Metric {
		case backlog.NumUndeliveredMessages:
			list = []backlog.Measured{level("offers", messages, at)}
		case backlog.AckMessageCount:
			list = []backlog.Measured{{ID: "offers", Points: []backlog.Point{{Start: at.Add(-time.Minute), End: at, Value: 60 * acks}}}}
		default:
		}
		h.take([]string{"offers", "orders"}, list, l.now)
	}
	l.p.began = l.now
	l.p.publish(l.p.metrics, wants)
}

// look is a round, with scrapes that are made up here.
func (l *lab) look() {
	l.t.Helper()
	l.team.workers = nil
	var scrapes []fleet.Scrape
	for _, m := range l.members {
		target := fleet.Target{ID: m.id, URL: "http://" + m.id, Subscriptions: m.subs, Ready: m.ready, Terminating: m.terminating}
		l.team.workers = append(l.team.workers, target)
		if !m.silent {
			m.last, m.read = m.page(l.now), l.now
		}
		s := fleet.Scrape{Target: target, At: m.read}
		if m.last != "" && !m.empty {
			s.Page = &fleet.Page{}
			if err := s.Page.Parse([]byte(m.last)); err != nil {
				l.t.Fatal(err)
			}
		}
		scrapes = append(scrapes, s)
	}
	crew := l.e.crew()
	estimates := l.e.estimate(&crew, scrapes, l.now)
	l.e.current.change(func(b *board) *board {
		next := *b
		next.estimates = estimates
		return &next
	})
}

// pass lets time go by in which every worker delivers so many messages a second that are so old.
func (l *lab) pass(d time.Duration, perPod float64, age time.Duration) {
	l.t.Helper()
	for end := l.now.Add(d); l.now.Before(end); {
		l.now = l.now.Add(5 * time.Second)
		for _, m := range l.members {
			m.acked += 5 * perPod
			m.first += 5 * perPod
			m.inFlight = int(math.Min(20, perPod/10))
			if m.inFlight == 20 && age < 2*time.Second {
				m.inFlight = 19
			}
			if perPod > 0 {
				m.frontier = l.now.Add(-age)
			}
		}
		l.look()
	}
}

func (l *lab) answer(m backlog.Metric) backlog.Answer { return l.e.current.Answer(offers, m, l.now) }

// near holds a value of offers against what it should be.
func (l *lab) near(m backlog.Metric, state backlog.State, want, by float64) {
	l.t.Helper()
	a := l.answer(m)
	if a.Total.State != state || math.Abs(a.Total.Value-want) > by {
		l.t.Errorf("%s is %v and %s, want %v and %s\n%s", m, a.Total.Value, a.Total.State, want, state, l.explanation())
	}
}

// absent holds that a value of offers is not known, for a reason that says all of words.
func (l *lab) absent(m backlog.Metric, reason backlog.Reason, words ...string) {
	l.t.Helper()
	a := l.answer(m)
	if a.Total.State != backlog.Absent || a.Reason != reason {
		l.t.Errorf("%s is %v and %s for %q, want absent for %q", m, a.Total.Value, a.Total.State, a.Reason, reason)
	}
	for _, word := range words {
		if !strings.Contains(a.Why, word) {
			l.t.Errorf("%q does not say %q", a.Why, word)
		}
	}
}

func (l *lab) explanation() string {
	found, _, why := l.e.current.load().explained("offers", "")
	for _, e := range found {
		why += e.explained.String() + "\n"
	}
	return why
}

func (l *lab) says(words ...string) {
	l.t.Helper()
	for _, word := range words {
		if text := l.explanation(); !strings.Contains(text, word) {
			l.t.Errorf("no %q in\n%s", word, text)
		}
	}
}

func (l *lab) text() string {
	l.t.Helper()
	return exposed(l.t, l.e.current, prometheus.NewRegistry(), l.now, "")
}

func TestEstimatesOfWorkersThatKeepUp(t *testing.T) {
	l := newLab(t, 4)
	l.pass(2*time.Minute, 150, time.Second)
	l.near(backlog.ArrivalRate, backlog.Fresh, 600, 1)
	l.near(backlog.PodCapacity, backlog.Fresh, 200, 0.01)
	l.near(backlog.BacklogMessages, backlog.Fresh, 60, 1)
	l.near(backlog.DesiredReplicas, backlog.Fresh, 1.05*600/200, 0.02)
	l.near(backlog.DrainSeconds, backlog.Fresh, 0, 0)
	l.says("4 of 4 ready pods were scraped", "caught up", "Desired replicas: 3.15")
	for _, line := range []string{
		`spillway_fleet_pods_expected{project_id="shop",subscription_id="offers"} 4`, `spillway_fleet_pods_scraped{project_id="shop",subscription_id="offers"} 4`,
		`pubsub_subscription_desired_replicas{project_id="shop",subscription_id="offers"} 3.15`,
		`pubsub_subscription_desired_replicas_sample_state{project_id="shop",state="fresh",subscription_id="offers"} 1`,
		`pubsub_subscription_desired_replicas_sample_age_seconds{project_id="shop",subscription_id="offers"} 0`,
	} {
		if !strings.Contains(l.text(), line+"\n") {
			t.Errorf("no %s", line)
		}
	}
}

func TestEstimatesOfWorkersThatAreBehind(t *testing.T) {
	l := newLab(t, 4)
	l.pass(3*time.Minute, 200, 50*time.Second)
	l.sample(40_080, 800, time.Minute)
	l.pass(5*time.Second, 200, 50*time.Second)
	l.near(backlog.BacklogMessages, backlog.Fresh, 40_080, 500)
	l.near(backlog.DesiredReplicas, backlog.Fresh, (40_000/60.0+1.05*800)/200, 0.1)
	l.absent(backlog.DrainSeconds, backlog.ReasonBehind, "do not keep up")
}

func TestMonitoringAlone(t *testing.T) {
	t.Run("two samples and the acks between them are a rate", func(t *testing.T) {
		l := newLab(t, 0, "--pod-capacity=200")
		l.team.replicas = 2
		l.sample(1000, 300, 3*time.Minute)
		l.look()
		l.now = l.now.Add(time.Minute)
		l.sample(7000, 300, 3*time.Minute)
		l.look()
		l.near(backlog.ArrivalRate, backlog.Fresh, 400, 0.01)
		l.near(backlog.DesiredReplicas, backlog.Fresh, (7000/60.0+1.05*400)/200, 0.01)
		l.says("No worker could be scraped")
	})
	t.Run("one sample alone lets nothing go down", func(t *testing.T) {
		l := newLab(t, 0, "--pod-capacity=200")
		l.team.replicas = 7
		l.sample(1000, 300, 3*time.Minute)
		l.look()
		l.near(backlog.DesiredReplicas, backlog.Held, 7, 0)
		l.absent(backlog.ArrivalRate, backlog.ReasonUnmeasured, "two samples")
		if strings.Contains(l.text(), "spillway_fleet_pods_expected{") {
			t.Error("workers are expected where none are known")
		}
	})
}

func TestTheGuards(t *testing.T) {
	t.Run("coverage under half: Monitoring alone counts", func(t *testing.T) {
		l := newLab(t, 4)
		l.pass(2*time.Minute, 150, time.Second)
		l.sample(5000, 600, 2*time.Minute)
		for _, m := range l.members[:3] {
			m.silent = true
		}
		l.pass(40*time.Second, 150, time.Second)
		l.says("Only 1 of 4 ready pods were scraped, less than half: Monitoring alone counts")
		if !strings.Contains(l.text(), `spillway_fleet_pods_scraped{project_id="shop",subscription_id="offers"} 1`) {
			t.Error("the coverage is not shown")
		}
	})
	t.Run("half of the pods speak for the rest", func(t *testing.T) {
		l := newLab(t, 4)
		l.pass(2*time.Minute, 150, time.Second)
		l.members[0].silent, l.members[1].silent = true, true
		l.pass(2*time.Minute, 150, time.Second)
		l.near(backlog.ArrivalRate, backlog.Fresh, 600, 10)
		l.says("2 of 4 ready pods were scraped (counts times 2.00)")
	})
	t.Run("starting pods are not expected, terminating ones count until they are gone", func(t *testing.T) {
		l := newLab(t, 4)
		l.members[3].ready, l.members[3].empty = false, true
		l.members[2].terminating = true
		l.pass(2*time.Minute, 150, time.Second)
		l.says("2 of 2 ready pods were scraped (counts times 1.00); 1 terminating")
		l.near(backlog.ArrivalRate, backlog.Fresh, 450, 5)
		l.members = l.members[:2]
		l.pass(2*time.Minute, 225, time.Second)
		l.near(backlog.ArrivalRate, backlog.Fresh, 450, 5)
	})
	t.Run("a failing target: the last value is held", func(t *testing.T) {
		l := newLab(t, 4)
		l.pass(2*time.Minute, 150, time.Second)
		for range 6 {
			for _, m := range l.members {
				m.nacked += 750 // each of them is a first delivery
				m.first += 750
				m.frontier = l.now.Add(5 * time.Second)
			}
			l.pass(5*time.Second, 0, time.Second)
		}
		l.near(backlog.DesiredReplicas, backlog.Held, 3.15, 0.02)
		if a := l.answer(backlog.DesiredReplicas); a.Reason != backlog.ReasonFailingTarget {
			t.Errorf("the reason is %q (%s)", a.Reason, a.Why)
		}
	})
	t.Run("paused workers: the last value is held", func(t *testing.T) {
		l := newLab(t, 4)
		l.pass(2*time.Minute, 150, time.Second)
		for _, m := range l.members {
			m.paused = true
		}
		l.pass(time.Minute, 0, time.Second)
		l.near(backlog.DesiredReplicas, backlog.Held, 3.15, 0.02)
	})
	t.Run("paused workers are not ready, and their word counts all the same", func(t *testing.T) {
		l := newLab(t, 4)
		l.pass(2*time.Minute, 150, time.Second)
		for _, m := range l.members {
			m.paused, m.ready = true, false
		}
		l.sample(90_000, 0, time.Minute)
		l.pass(10*time.Minute, 0, time.Second)
		l.near(backlog.DesiredReplicas, backlog.Held, 3.15, 0.02)
		l.says("4 of 4 ready pods were scraped", "4 are paused", "more pods would not help")
	})
	t.Run("capacity unknown: the replicas that there are, and at least one while there is work", func(t *testing.T) {
		l := newLab(t, 0)
		for replicas, want := range map[int]float64{0: 1, 5: 5} {
			l.team.replicas = replicas
			l.sample(1000, 0, 3*time.Minute)
			l.look()
			l.near(backlog.DesiredReplicas, backlog.Fresh, want, 0)
		}
		l.absent(backlog.PodCapacity, backlog.ReasonUnmeasured, "--pod-capacity")
	})
	t.Run("neither capacity nor replicas known: nothing is said", func(t *testing.T) {
		l := newLab(t, 0)
		l.team.replicas = -1
		l.sample(1000, 300, 3*time.Minute)
		l.look()
		l.absent(backlog.DesiredReplicas, backlog.ReasonUnmeasured, "what one pod settles is not known")
		l.near(backlog.BacklogMessages, backlog.Fresh, 1000, 0)
		l.says("nothing is said of how many are needed")
	})
	t.Run("nothing for 5 min: absent; after such a gap not below the replicas, for the autoscaler's window", func(t *testing.T) {
		l := newLab(t, 4)
		l.team.replicas, l.team.window = 9, 2*time.Minute
		l.pass(2*time.Minute, 150, time.Second)
		for _, m := range l.members {
			m.silent = true
		}
		l.pass(7*time.Minute, 0, 0)
		l.absent(backlog.DesiredReplicas, backlog.ReasonNotPolled)
		if strings.Contains(l.text(), "pubsub_subscription_desired_replicas{") {
			t.Error("an absent value is served")
		}
		for _, m := range l.members {
			m.silent = false
		}
		l.pass(time.Minute, 150, time.Second)
		l.near(backlog.DesiredReplicas, backlog.Fresh, 9, 0)
		l.says("After a gap or a start nothing goes down for 2m0s")
		l.pass(2*time.Minute, 150, time.Second)
		l.near(backlog.DesiredReplicas, backlog.Fresh, 3.15, 0.02)
	})
	t.Run("who has just started does not know what the autoscaler has heard: nothing goes down for its window", func(t *testing.T) {
		l := newLab(t, 4)
		l.team.window = time.Minute
		l.pass(time.Minute, 150, time.Second)
		l.near(backlog.DesiredReplicas, backlog.Fresh, 4, 0)
		l.pass(time.Minute, 150, time.Second)
		l.near(backlog.DesiredReplicas, backlog.Fresh, 3.15, 0.02)
	})
	t.Run("a loop that hangs: held, and then absent", func(t *testing.T) {
		l := newLab(t, 4)
		l.pass(2*time.Minute, 150, time.Second)
		l.now = l.now.Add(20 * time.Second)
		l.near(backlog.DesiredReplicas, backlog.Fresh, 3.15, 0.02)
		l.now = l.now.Add(time.Second)
		l.near(backlog.DesiredReplicas, backlog.Held, 3.15, 0.02)
		l.now = l.now.Add(5 * time.Minute)
		l.absent(backlog.DesiredReplicas, backlog.ReasonGap, "nothing was heard")
	})
	t.Run("a worker that starts again counts from 0, and no message twice", func(t *testing.T) {
		l := newLab(t, 4)
		l.pass(2*time.Minute, 150, time.Second)
		l.members[0].acked, l.members[0].first = 0, 0
		l.pass(time.Minute, 150, time.Second)
		l.near(backlog.ArrivalRate, backlog.Fresh, 600, 15)
	})
	t.Run("bounds", func(t *testing.T) {
		l := newLab(t, 4, "--min-replicas=2", "--max-replicas=3")
		l.pass(2*time.Minute, 150, time.Second)
		l.near(backlog.DesiredReplicas, backlog.Fresh, 3, 0)
		low := newLab(t, 4, "--min-replicas=2")
		low.pass(2*time.Minute, 1, time.Second)
		low.near(backlog.DesiredReplicas, backlog.Fresh, 2, 0)
	})
}

func TestAnAutoscalerWithSettingsOfItsOwn(t *testing.T) {
	l := newLab(t, 4)
	l.team.annotations = map[string]string{"headroom": "2", "drain-seconds": "0"}
	l.pass(2*time.Minute, 150, time.Second)
	l.near(backlog.DesiredReplicas, backlog.Fresh, 3.15, 0.02)
	answer := l.answer(backlog.DesiredReplicas)
	if len(answer.Variants) != 1 || math.Abs(answer.Variants[0].Value-6) > 0.02 {
		t.Fatalf("%+v", answer)
	}
	if diff := cmp.Diff([]backlog.Label{{Name: "horizontalpodautoscaler", Value: "offers"}, {Name: "namespace", Value: "web"}}, answer.Variants[0].Labels); diff != "" {
		t.Error(diff)
	}
	l.says("by the exporter's flags", "by the annotations of autoscaler web/offers", "1.05 * 600.0/s", "2.00 * 600.0/s")
	const labels = `{horizontalpodautoscaler="offers",namespace="web",project_id="shop",subscription_id="offers"}`
	if text := l.text(); !strings.Contains(text, "pubsub_subscription_desired_replicas"+labels+" 6\n") || strings.Contains(text, "spillway_fleet_pods_expected"+labels) {
		t.Error(text)
	}
}

func TestAnnotations(t *testing.T) {
	flags := LawOptions{Drain: time.Minute, Headroom: 1.05, Capacity: 200, Min: 2}
	all := flags
	all.Drain, all.Headroom, all.Capacity, all.MaxRate, all.Min, all.Max, all.IgnoreCPU = 30*time.Second, 1.5, 10, 5000, 1, 8, true
	tests := []struct {
		name        string
		annotations map[string]string
		want        LawOptions
		faults      []string
	}{
		{"none", nil, flags, nil},
		{"all", map[string]string{
			"drain-seconds": "30", "headroom": "1.5", "pod-capacity": "10", "max-arrival-rate": "5000", "min-replicas": "1", "max-replicas": "8", "ignore-cpu": "true",
		}, all, nil},
		{"no number", map[string]string{"headroom": "much"}, flags, []string{`spillway/headroom is "much", which is out of bounds; give a factor from 1 to 10. The exporter's --headroom holds.`}},
		{"out of bounds", map[string]string{"drain-seconds": "0", "pod-capacity": "-1"}, flags, []string{"spillway/drain-seconds", "spillway/pod-capacity"}},
		{"not finite", map[string]string{"headroom": "NaN", "max-arrival-rate": "Inf"}, flags, []string{"spillway/headroom", "spillway/max-arrival-rate"}},
		{"no truth", map[string]string{"ignore-cpu": "perhaps"}, flags, []string{"true or false"}},
		{"misspelt", map[string]string{"headrom": "2"}, flags, []string{"Did you mean spillway/headroom?"}},
		{"unknown", map[string]string{"colour": strings.Repeat("x", 500)}, flags, []string{"spillway/colour is not known."}},
		{"bounds that exclude each other", map[string]string{"max-replicas": "1"}, LawOptions{Drain: time.Minute, Headroom: 1.05, Capacity: 200, Max: 1}, []string{"Only the upper bound holds"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, faults := flags.with(tt.annotations)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
			if len(faults) != len(tt.faults) {
				t.Fatalf("%+v", faults)
			}
			for i, word := range tt.faults {
				if !strings.Contains(faults[i].message, word) || len(faults[i].message) > 400 {
					t.Errorf("%q does not say %q", faults[i].message, word)
				}
			}
		})
	}
}

// TestFlowsThatShareWorkers need of their slots the most.
func TestFlowsThatShareWorkers(t *testing.T) {
	l := newLab(t, 4)
	l.team.subs = []backlog.Subscription{offers, orders}
	for _, m := range l.members {
		m.subs = l.team.subs
	}
	l.pass(2*time.Minute, 150, time.Second)
	l.near(backlog.DesiredReplicas, backlog.Fresh, 3.15, 0.02)
	l.says("The workers are shared by offers (3.15), orders (3.15): of slots they need the most, of the processor the sum, together 3.15")
	if a := l.e.current.Answer(orders, backlog.DesiredReplicas, l.now); a.Total.Value != l.answer(backlog.DesiredReplicas).Total.Value {
		t.Errorf("orders needs %v", a.Total.Value)
	}
}

// TestWhoHasNoWorkersCostsNextToNothing: what nobody wants estimated is not, and what cannot have changed is not looked at again.
func TestWhoHasNoWorkersCostsNextToNothing(t *testing.T) {
	l := newLab(t, 4)
	l.pass(10*time.Second, 150, time.Second)
	if a := l.e.current.Answer(orders, backlog.DesiredReplicas, l.now); a.Reason != backlog.ReasonNotWatched || !strings.Contains(a.Why, "--estimate-all") {
		t.Errorf("%+v", a)
	}
	l.app.wants.Put("keda", []backlog.Want{{Subscription: orders, Metrics: []backlog.Metric{backlog.DesiredReplicas}}})
	l.pass(5*time.Second, 150, time.Second)
	if a := l.e.current.Answer(orders, backlog.DesiredReplicas, l.now); a.Reason == backlog.ReasonNotWatched {
		t.Errorf("what KEDA asks for is not estimated: %+v", a)
	}
	all := newLab(t, 0, "--estimate-all", "--pod-capacity=200")
	all.app.wants.Put("flags", named([]backlog.Subscription{offers, orders}))
	all.team.subs = nil
	all.look()
	before := all.e.current.load().estimates
	all.now = all.now.Add(5 * time.Second)
	if all.look(); len(before) != 2 || before[0] != all.e.current.load().estimates[0] {
		t.Error("it was looked at although nothing has changed")
	}
	all.sample(1000, 300, time.Minute)
	if all.look(); before[0] == all.e.current.load().estimates[0] {
		t.Error("a new sample was not looked at")
	}
	all.now = all.now.Add(time.Minute)
	all.near(backlog.PodCapacity, backlog.Fresh, 200, 0)
	all.near(backlog.BacklogMessages, backlog.Fresh, 1000, 0)
}

// TestTheAcksAreReadWhereTheyAreNeeded and nowhere else, when --metrics leaves them out.
func TestTheAcksAreReadWhereTheyAreNeeded(t *testing.T) {
	l := newLab(t, 4, "--metrics=num_undelivered_messages")
	l.look()
	all := l.app.wants.all()["shop"]
	if diff := cmp.Diff([]backlog.Metric{backlog.AckMessageCount}, all["offers"].metrics); diff != "" || len(all["orders"].metrics) != 0 {
		t.Errorf("%s %+v", diff, all)
	}
	l.team.subs = nil
	l.members = nil
	if l.look(); len(l.app.wants.all()["shop"]["offers"].metrics) != 0 {
		t.Error("they are read although nobody works any more")
	}
}

// TestCompressedTime: at sixty times the speed of life the same happens in a sixtieth of the time.
func TestCompressedTime(t *testing.T) {
	c := clock{origin: noon, speed: 60}
	if got := c.at(noon.Add(time.Second)); !got.Equal(noon.Add(time.Minute)) {
		t.Errorf("a second later it is %s", got)
	}
	o := parse(t, "--subscription=projects/shop/subscriptions/offers", "--monitoring-endpoint=127.0.0.1:1", "--poll-interval=1s", "--fresh-for=4s", "--hold=5s")
	if o.speed() != 60 {
		t.Errorf("the speed is %v", o.speed())
	}
	if o := DefaultOptions(); o.speed() != 1 {
		t.Errorf("real life has the speed %v", o.speed())
	}
	l := newLab(t, 0)
	l.e.clock = c
	l.members = []*member{{id: "web/worker-0", subs: []backlog.Subscription{offers}, ready: true}}
	for range 60 { // 5 s of the law's are a twelfth of one; it delivers 15 in each
		l.now = l.now.Add(time.Second / 12)
		m := l.members[0]
		m.acked, m.first, m.inFlight, m.frontier = m.acked+15, m.first+15, 18, l.now.Add(-10*time.Millisecond)
		l.look()
	}
	l.near(backlog.ArrivalRate, backlog.Fresh, 180, 5)
	l.near(backlog.PodCapacity, backlog.Fresh, 200, 0.01)
	l.near(backlog.DesiredReplicas, backlog.Fresh, 1.05*180/200, 0.03)
	l.says("a clock that runs 60 times as fast")
}

// TestARecordingComesToTheSame: who gives the law what was recorded gets what was said.
func TestARecordingComesToTheSame(t *testing.T) {
	l := newLab(t, 4)
	path := filepath.Join(t.TempDir(), "ticks")
	if err := l.e.begin(path, 1<<20); err != nil {
		t.Fatal(err)
	}
	l.sample(9000, 500, 90*time.Second)
	l.pass(2*time.Minute, 170, 20*time.Second)
	said := l.answer(backlog.DesiredReplicas).Total.Value
	l.e.close()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var state nowcast.State
	var result nowcast.Result
	ticks := 0
	for tick, err := range recording.Read(file) {
		if err != nil {
			t.Fatal(err)
		}
		ticks++
		if result = state.Tick(tick.Law, tick.Input); result.Desired.Value != tick.Desired.Value {
			t.Fatalf("tick %d: %v, recorded %v", ticks, result.Desired.Value, tick.Desired.Value)
		}
	}
	if ticks != 24 || result.Desired.Value != said || said == 0 {
		t.Fatalf("%d ticks, %v, said %v", ticks, result.Desired.Value, said)
	}
}

func TestARecordingThatFailsEndsAlone(t *testing.T) {
	l := newLab(t, 4)
	path := filepath.Join(t.TempDir(), "ticks")
	if err := l.e.begin(path, 1); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	l.pass(2*time.Minute, 150, time.Second)
	l.near(backlog.DesiredReplicas, backlog.Fresh, 3.15, 0.02)
	if l.e.record != nil {
		t.Error("it goes on")
	}
	if err := l.e.begin(filepath.Join(path, "no"), 1); err == nil || !strings.Contains(err.Error(), "--record") {
		t.Error(err)
	}
}
