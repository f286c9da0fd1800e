package fault

import (
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"

	"spillway/internal/testenv"
)

// scope is an environment variable that says which cases run: "ci" those that end within three minutes, "all" every one
// in its full size, "soak" the soak. Without it a small F0 runs, so that the suite itself is never untested.
const scope = "SPILLWAY_FAULTS"

// seedVariable makes a run repeatable as far as processes and their scheduling allow.
const seedVariable = "SPILLWAY_FAULTS_SEED"

// faultCase is one row of the table in docs/reliability.md.
type faultCase struct {
	name     string
	ci       bool
	official bool // the official emulator carries it too: those in which no connection breaks
	attempts int32
	change   func(*pubsubpb.Subscription)
	run      func(w *world)
}

func cases() []faultCase {
	return []faultCase{
		{name: "F0", ci: true, official: true, run: nothing},
		{name: "F1", ci: true, official: true, run: rollingTerm},
		{name: "F2", ci: true, run: kill},
		{name: "F3", run: freeze},
		{name: "F4", ci: true, run: resets},
		{name: "F5-connections", run: forgotten},
		{name: "F5-path", run: swallowed},
		{name: "F6", official: true, run: slowPath},
		{name: "F7", ci: true, official: true, run: failingAcks},
		{name: "F7-slow", run: slowAcks},
		{name: "F8-stopped", run: stoppedServer},
		{name: "F8-refused", run: refusedServer},
		{name: "F9", run: restartedServer},
		{name: "F10", run: slowHandlers},
		{name: "F11", ci: true, attempts: 10, change: retryAfter(time.Second), run: poison},
		{name: "F12", ci: true, attempts: 5, run: outage((*target).down, (*target).up, holdsWithin)},
		{name: "F12-503", attempts: 5, run: outage(saying(answers(http.StatusServiceUnavailable)), saying(nil), holdsWithin)},
		{name: "F12-500", attempts: 5, run: outage(saying(answers(http.StatusInternalServerError)), saying(nil), holdsWithin)},
		{name: "F12-hang", attempts: 5, run: outage(saying(hang), saying(nil), 5*time.Second+holdsWithin, "--handler-timeout=5s")},
		{name: "F12-rolling", ci: true, attempts: 5, run: rollingRestart},
		{name: "F13", run: scale},
		{name: "F14", run: memory},
		{name: "F15", change: ordered, run: orderedKill},
		{name: "F17", run: refusedAccess},
	}
}

func ordered(s *pubsubpb.Subscription) { s.EnableMessageOrdering = true }

func TestFaults(t *testing.T) {
	which, seed := os.Getenv(scope), seedOf(t)
	list := selected(t, which)
	var ran atomic.Bool
	t.Cleanup(func() { // After the parallel ones.
		if !ran.Load() {
			t.Errorf("CASE names none of %s", strings.Join(names(list), ", "))
		}
	})
	for _, c := range list {
		t.Run(c.name, func(t *testing.T) {
			ran.Store(true)
			t.Parallel()
			c.prove(t, c.name, seed, "", which == "all")
		})
	}
	if which == "all" {
		t.Run("official", func(t *testing.T) {
			ran.Store(true)
			t.Parallel()
			officialCases(t, seed)
		})
	}
}

func names(list []faultCase) []string {
	var all []string
	for _, c := range list {
		all = append(all, c.name)
	}
	return all
}

func selected(t *testing.T, which string) []faultCase {
	t.Helper()
	switch which {
	case "":
		return []faultCase{{name: "F0-small", run: inShort}}
	case "ci":
		return slices.DeleteFunc(cases(), func(c faultCase) bool { return !c.ci })
	case "all":
		return cases()
	case "soak":
		return []faultCase{{name: "F16", run: soak}}
	}
	t.Fatalf("%s=%s: want ci, all, soak or nothing", scope, which)
	return nil
}

// officialCases runs what the official emulator carries, on one of them.
func officialCases(t *testing.T, seed uint64) {
	t.Helper()
	host := testenv.OfficialEmulator(t)
	for _, c := range cases() {
		if c.official {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				c.prove(t, c.name+"-official", seed, host, false)
			})
		}
	}
}

func seedOf(t *testing.T) uint64 {
	t.Helper()
	text := os.Getenv(seedVariable)
	if text == "" {
		return 1
	}
	seed, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", seedVariable, err)
	}
	return seed
}

// prove runs a case, settles up, prints its line and holds it against its promises.
func (c *faultCase) prove(t *testing.T, name string, seed uint64, host string, all bool) {
	t.Helper()
	w := newWorld(t, name, seed, host)
	w.all = all
	attempts := c.attempts
	if attempts == 0 {
		attempts = manyAttempts
	}
	w.create(attempts, c.change)
	defer w.conclude()
	c.run(w)
}

// conclude stops the workers that still run, accounts for every message and prints the case's line, whatever happened.
func (w *world) conclude() {
	w.t.Helper()
	for _, p := range w.live() {
		p.term()
	}
	dead := w.dead(time.Second)
	a := settleUp(w.published, w.before, w.ledger.all(), dead, nil)
	if a.lost > 0 {
		a = settleUp(w.published, w.before, w.ledger.all(), dead, w.left(lease+10*time.Second))
	}
	recovery := time.Duration(0)
	if !w.faultEnd.IsZero() {
		recovery = max(0, a.last.Sub(w.faultEnd))
	}
	a.say(w.name, w.bound, recovery, w.seed)
	w.hold(a, recovery)
}

// hold is what every case promises.
func (w *world) hold(a account, recovery time.Duration) {
	w.t.Helper()
	if a.lost > 0 || a.phantom > 0 {
		w.t.Errorf("%d messages are lost and %d effects belong to none", a.lost, a.phantom)
	}
	if a.duplicated > w.bound {
		w.t.Errorf("%d effects are duplicates, more than %d", a.duplicated, w.bound)
	}
	if recovery > w.recovery {
		w.t.Errorf("the last effect came %s after the fault, later than %s", recovery, w.recovery)
	}
	if w.official || w.t.Failed() {
		return
	}
	// Everything was stopped cleanly: nothing may be leased any more, and nothing is left.
	if got := w.truth(); got.Backlog != 0 || got.Outstanding != 0 || got.Streams != 0 {
		w.t.Errorf("after the end the server holds %+v", got)
	}
}

// expectAttempts holds that no message was delivered more than once, by the server's count and by the ledger's.
func (w *world) expectAttempts(most int) {
	w.t.Helper()
	if attempt, deliveries := w.ledger.attempts(); attempt > most || deliveries > most {
		w.t.Errorf("attempt %d, %d deliveries of one message; at most %d", attempt, deliveries, most)
	}
}
