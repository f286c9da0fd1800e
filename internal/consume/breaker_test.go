package consume

import (
	"errors"
	"fmt"
	"strconv"
	"testing"
	"time"

	"spillway/internal/deliver"
)

var epoch = time.Date(2026, 11, 27, 8, 0, 0, 0, time.UTC)

func TestOutcomeOf(t *testing.T) {
	tests := map[deliver.Reason]outcome{
		deliver.OK: alive, deliver.Asked: alive, deliver.Status1xx: alive, deliver.Status2xx: alive, deliver.Status3xx: alive,
		deliver.Status4xx: alive, deliver.StatusOther: alive,
		deliver.Status5xx: failing, deliver.Timeout: failing, deliver.Connection: broken, deliver.Unavailable: gone, deliver.Unreachable: unreachable,
		deliver.Error: neutral, deliver.Panic: neutral, deliver.Shutdown: neutral, "": neutral,
	}
	for reason, want := range tests {
		if got := outcomeOf(deliver.Verdict{Reason: reason}); got != want {
			t.Errorf("%q: %d, want %d", reason, got, want)
		}
	}
}

// story feeds a breaker at instants after epoch and holds its phase.
type story struct {
	*testing.T
	b *breaker
	n int // messages so far
}

func newStory(t *testing.T, unproved bool) *story {
	t.Helper()
	return &story{T: t, b: newBreaker(epoch, unproved)}
}

// at notes n messages, each another one, with an outcome.
func (s *story) at(after time.Duration, n int, o outcome, want phase) {
	s.Helper()
	for range n {
		s.n++
		s.one(after, o, "m"+strconv.Itoa(s.n), 1, -1)
	}
	s.expect(after, want)
}

// one notes one message; want is a phase, or -1.
func (s *story) one(after time.Duration, o outcome, id string, attempt int, want phase) {
	s.Helper()
	s.b.note(epoch.Add(after), o, id, attempt, fmt.Sprint("outcome ", o))
	if want >= 0 {
		s.expect(after, want)
	}
}

func (s *story) check(after time.Duration, err error, want phase) {
	s.Helper()
	s.b.checked(epoch.Add(after), err)
	s.expect(after, want)
}

func (s *story) expect(after time.Duration, want phase) {
	s.Helper()
	if s.b.phase != want {
		s.Fatalf("after %s: phase %d (%s), want %d", after, s.b.phase, s.b.cause, want)
	}
}

// expectCheck holds when the next check is due.
func (s *story) expectCheck(want time.Duration) {
	s.Helper()
	if got := s.b.due.Sub(epoch); got != want {
		s.Errorf("the next check is due at %s, want %s", got, want)
	}
}

func TestWhatOpensTheBreaker(t *testing.T) {
	const idle = time.Minute // since a message last worked
	tests := []struct {
		name  string
		o     outcome
		after time.Duration // of the last message that worked
		n     int           // messages in a row
		want  phase
	}{
		{"a connection that cannot be made, at once", unreachable, 0, 1, opened},
		{"one 503 does not", gone, idle, 1, closed},
		{"two in a row while nothing works", gone, idle, 2, opened},
		{"nine just after a success do not", gone, downQuiet - 1, 9, closed},
		{"ten in a row, whenever", gone, 0, 10, opened},
		{"two broken connections do not", broken, idle, 2, closed},
		{"those of three messages while nothing works", broken, idle, 3, opened},
		{"nine just after a success do not", broken, downQuiet - 1, 9, closed},
		{"ten messages in a row, whenever", broken, 0, 10, opened},
		{"nine failures do not", failing, idle, 9, closed},
		{"ten messages in a row that fail put it to the trial", failing, 0, 10, trial},
		{"and eleven open it while nothing works", failing, idle, 11, opened},
		{"but not just after a success", failing, failingQuiet - 1, 99, trial},
		{"unless it is a hundred", failing, 0, 100, opened},
		{"answers of the target never do", alive, idle, 1000, closed},
		{"what says nothing never does", neutral, idle, 1000, closed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			newStory(t, false).at(tt.after, tt.n, tt.o, tt.want)
		})
	}
}

func TestAMessageThatFailsTwiceInARow(t *testing.T) {
	t.Run("a 503 for the second time is enough", func(t *testing.T) {
		s := newStory(t, false)
		s.one(0, gone, "m", 0, closed)
		s.one(0, gone, "m", 0, opened)
	})
	t.Run("a failure for the second time ends the trial", func(t *testing.T) {
		s := newStory(t, false)
		s.one(0, failing, "m", 0, closed)
		s.one(0, failing, "m", 0, closed)
		s.at(0, failingMessages-1, failing, trial)
		s.one(0, failing, "m", 0, opened)
	})
	t.Run("a broken connection may be its own fault", func(t *testing.T) {
		s := newStory(t, false)
		s.one(time.Minute, broken, "m", 0, closed)
		s.one(time.Minute, broken, "m", 0, closed)
	})
}

func TestASuccessInBetweenStartsTheCountAnew(t *testing.T) {
	for _, o := range []outcome{gone, broken, failing} {
		s := newStory(t, false)
		for i := range 1000 {
			at := time.Duration(i) * time.Hour
			s.at(at, 1, alive, closed)
			s.at(at+downQuiet-1, 9, o, closed)
		}
	}
}

func TestPoisonDoesNotOpenTheBreaker(t *testing.T) {
	for _, o := range []outcome{broken, failing} {
		t.Run("one message that is redelivered for ever", func(t *testing.T) {
			s := newStory(t, false)
			for i := range 1000 {
				s.one(time.Duration(i)*time.Second, o, "poison", 0, closed)
			}
		})
		t.Run("many that failed while others did not, alone in the end", func(t *testing.T) {
			s := newStory(t, false)
			for i := range 100 {
				s.one(0, o, "poison"+strconv.Itoa(i), 0, closed)
				s.at(0, 1, alive, closed)
			}
			for i := range 1000 {
				s.one(time.Duration(i)*time.Second, o, "poison"+strconv.Itoa(i%100), 0, closed)
			}
		})
		t.Run("many that failed again and again elsewhere", func(t *testing.T) {
			s := newStory(t, false)
			for i := range 1000 {
				s.one(time.Duration(i)*time.Second, o, "poison"+strconv.Itoa(i), poisonAttempt, closed)
			}
		})
	}
	t.Run("it is no excuse for a target that says that it is away", func(t *testing.T) {
		s := newStory(t, false)
		s.one(time.Minute, gone, "poison", poisonAttempt, closed)
		s.one(time.Minute, gone, "poison", poisonAttempt, opened)
	})
}

func TestOnlyTheNewestPoisonIsRemembered(t *testing.T) {
	p := poison{known: map[string]struct{}{}}
	for i := range 3 * knownPoison {
		p.add([]string{strconv.Itoa(i), strconv.Itoa(i)})
	}
	if len(p.known) != knownPoison || len(p.order) != knownPoison {
		t.Errorf("%d and %d are remembered", len(p.known), len(p.order))
	}
	if p.has(strconv.Itoa(2*knownPoison-1)) || !p.has(strconv.Itoa(2*knownPoison)) {
		t.Error("it is not the newest")
	}
}

func TestAnOutage(t *testing.T) {
	down := errors.New("connection refused")
	t.Run("of a target that is away", func(t *testing.T) {
		s := newStory(t, false)
		s.at(time.Second, 50, alive, closed)
		s.at(2*time.Second, 1, unreachable, opened)
		s.expectCheck(2*time.Second + firstBackoff)
		for i := range 120 {
			at := time.Duration(3+i) * time.Second
			s.check(at, down, opened)
			s.expectCheck(at + checkPause)
		}
		s.check(2*time.Minute, nil, closed) // A connection was all that was missing.
	})
	t.Run("of a target that answers 503, which no check sees", func(t *testing.T) {
		s := newStory(t, false)
		at, wait := time.Minute, firstBackoff
		s.at(at, 2, gone, opened)
		for range 10 {
			s.expectCheck(at + wait)
			at += wait
			s.check(at, nil, trial)
			s.at(at, 1, gone, opened)
			wait = min(2*wait, longestBackoff)
		}
		s.check(at+wait, nil, trial)
		s.at(at+wait, 1, alive, closed)
		s.at(at+2*wait, 2, gone, opened)
		s.expectCheck(at + 2*wait + firstBackoff) // The next outage begins anew.
	})
	t.Run("of a target that hangs", func(t *testing.T) {
		s := newStory(t, false)
		s.at(time.Minute, 10, failing, trial)
		s.at(time.Minute, 1, failing, opened)
		s.check(2*time.Minute, nil, trial)
		s.at(3*time.Minute, 1, failing, opened)
		s.check(4*time.Minute, nil, trial)
		s.at(4*time.Minute, 1, neutral, trial)
		s.at(4*time.Minute, 1, alive, closed)
	})
	t.Run("its victims are no poison", func(t *testing.T) {
		s := newStory(t, false)
		for range 2 { // They fail, and fail again in the next outage.
			for i := range 3 {
				s.one(time.Minute, broken, "victim"+strconv.Itoa(i), 1, -1)
			}
			s.expect(time.Minute, opened)
			s.check(2*time.Minute, nil, trial)
			s.at(time.Second, 1, alive, closed)
		}
	})
	t.Run("in the trial every failure counts", func(t *testing.T) {
		for _, o := range []outcome{broken, failing} {
			s := newStory(t, false)
			s.one(0, o, "poison", 0, closed)
			s.at(0, 1, alive, closed)
			s.at(time.Minute, 2, gone, opened)
			s.check(2*time.Minute, nil, trial)
			s.one(2*time.Minute, o, "poison", 7, opened)
		}
	})
	t.Run("that begins in the trial with refused connections ends with one that is made", func(t *testing.T) {
		s := newStory(t, false)
		s.at(time.Minute, 2, gone, opened)
		s.check(2*time.Minute, nil, trial)
		s.at(2*time.Minute, 1, unreachable, opened)
		s.check(3*time.Minute, nil, closed)
	})
}

func TestATargetHasToAnswerBeforeTheFirstMessage(t *testing.T) {
	s := newStory(t, true)
	s.expect(0, opened)
	s.expectCheck(0)
	s.check(0, errors.New("refused"), opened)
	s.expectCheck(checkPause)
	if s.b.cause != "refused" {
		t.Errorf("cause %q", s.b.cause)
	}
	s.check(checkPause, nil, closed)
}

func TestMessagesOfAnEarlierPhase(t *testing.T) {
	open := func(t *testing.T) *story {
		t.Helper()
		s := newStory(t, false)
		s.at(time.Minute, 2, gone, opened)
		return s
	}
	t.Run("one that works closes", func(t *testing.T) {
		s := open(t)
		s.b.noteLate(epoch.Add(2*time.Minute), alive, "late", "")
		s.expect(2*time.Minute, closed)
	})
	t.Run("a failure counts for nothing", func(t *testing.T) {
		for _, o := range []outcome{neutral, failing, broken, gone} {
			s := open(t)
			s.check(2*time.Minute, nil, trial)
			for range 100 {
				s.b.noteLate(epoch.Add(2*time.Minute), o, "late", "")
			}
			s.expect(2*time.Minute, trial)
		}
	})
	t.Run("a connection that cannot be made opens again", func(t *testing.T) {
		s := open(t)
		s.b.noteLate(epoch.Add(90*time.Second), unreachable, "late", "")
		s.expectCheck(time.Minute + firstBackoff) // It is open already.
		s.check(2*time.Minute, nil, trial)
		s.b.noteLate(epoch.Add(2*time.Minute), unreachable, "late", "")
		s.expect(2*time.Minute, opened)
	})
	t.Run("one that failed need not fail again in the trial", func(t *testing.T) {
		s := newStory(t, false)
		s.at(0, failingMessages, failing, trial)
		s.b.noteLate(epoch, failing, "late", "")
		s.one(0, failing, "another", 1, trial)
		s.one(0, failing, "late", 1, opened)
	})
	t.Run("a check that ends late changes nothing", func(t *testing.T) {
		s := newStory(t, false)
		s.check(time.Second, errors.New("refused"), closed)
		s.check(time.Second, nil, closed)
	})
}

func TestMessagesAreHeldLongerWithEveryRound(t *testing.T) {
	b := newBreaker(epoch, false)
	for _, want := range []time.Duration{time.Minute, 2 * time.Minute, 4 * time.Minute, 8 * time.Minute, 8 * time.Minute} {
		if got := b.holdFor(time.Minute); got != want {
			t.Errorf("round %d: %s", b.rounds, got)
		}
		b.rounds++
	}
}

func TestABreakerIsCalmWhenASuccessChangesNothing(t *testing.T) {
	for _, o := range []outcome{gone, broken, failing, unreachable} {
		s := newStory(t, false)
		if !s.b.calm() {
			t.Fatal("a new one is calm")
		}
		s.at(0, 1, o, s.b.phase+map[outcome]phase{unreachable: opened}[o])
		if s.b.calm() {
			t.Errorf("outcome %d is forgotten", o)
		}
		s.at(0, 1, alive, closed)
		if !s.b.calm() {
			t.Error("a success leaves something behind")
		}
	}
}
