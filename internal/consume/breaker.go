package consume

import (
	"slices"
	"strings"
	"time"

	"spillway/internal/deliver"
)

// The rule of the breaker. docs/decisions/0014-breaker.md says why it is this one.
const (
	// goneMessages messages that are answered with 502, 503 or 504, or brokenMessages whose connection broke, in a row, open it
	// when nothing has worked for downQuiet; downInRow of both together open it at once, and so does one that is answered so
	// twice.
	goneMessages   = 2
	brokenMessages = 3
	downInRow      = 10
	downQuiet      = 500 * time.Millisecond
	// failingMessages messages in a row that end with another 5xx or a time-out put it to the trial. There the next one opens
	// it when nothing has worked for failingQuiet, when it failed before, when it is the manyFailing-th, or when the breaker was
	// open before.
	failingMessages = 10
	manyFailing     = 100
	failingQuiet    = 2 * time.Second
	// poisonAttempt is the delivery attempt from which a broken connection, a 5xx or a time-out does not open it: at the end of
	// a backlog the sick are left over, and fail one after the other.
	poisonAttempt = 2
	// knownPoison bounds how many messages are remembered to have failed while others did not.
	knownPoison = 4096
	// checkPause is the time between two checks of an open breaker; firstBackoff is that before the first one, doubled up to
	// longestBackoff with every trial that fails.
	checkPause     = time.Second
	firstBackoff   = 500 * time.Millisecond
	longestBackoff = 10 * time.Second
	// longestRounds bounds the doubling of the time for which messages are held.
	longestRounds = 3
)

// outcome is what a message's end says of the target.
type outcome int

const (
	neutral     outcome = iota // nothing
	alive                      // it works: it has answered, and not with a failure of its own
	failing                    // a 5xx, or no answer in time
	broken                     // the connection ended without an answer
	gone                       // it, or who stands before it, says that it is not there
	unreachable                // no connection can be made
)

// outcomeOf reads the outcome from a verdict.
func outcomeOf(v deliver.Verdict) outcome {
	switch v.Reason {
	case deliver.OK, deliver.Asked, deliver.Status1xx, deliver.Status2xx, deliver.Status3xx, deliver.Status4xx, deliver.StatusOther:
		return alive
	case deliver.Status5xx, deliver.Timeout:
		return failing
	case deliver.Connection:
		return broken
	case deliver.Unavailable:
		return gone
	case deliver.Unreachable:
		return unreachable
	case deliver.Error, deliver.Panic, deliver.Shutdown:
	}
	return neutral
}

// phase is what a breaker lets through.
type phase int

const (
	closed phase = iota // everything
	trial               // one message at a time
	opened              // nothing
)

// breaker decides from what became of messages whether the target is given more. It is pure: now is an argument.
//
//	          it cannot be reached, or is down
//	closed ───────────────────────────────────> opened <── the trial fails ── trial
//	  │  ^                                        │                           ^ │
//	  │  └── a connection can be made again ──────┴── a check succeeds ───────┘ │
//	  │  └──────────────────────────── a message works ──────────────────────────┘
//	  └─ many messages fail, and none works ────────────────────────────────> trial
type breaker struct {
	phase phase
	cause string // why it is not closed, for people

	// What has happened since a message last worked.
	last                  time.Time // when it did
	gone, broken, failing []string  // message IDs

	outage  bool          // it has been open since it was last closed
	refused bool          // opened because nothing can connect: a connection is all that was missing
	backoff time.Duration // before the next check
	due     time.Time     // when the target is checked next, while it is opened
	rounds  int           // how often messages were given back in this outage

	poison poison
}

// newBreaker returns one that is closed, or, for a target that has to answer a check first, opened.
func newBreaker(now time.Time, unproved bool) *breaker {
	b := &breaker{last: now, backoff: firstBackoff, poison: poison{known: map[string]struct{}{}}}
	if unproved {
		b.phase, b.cause, b.refused, b.due = opened, "it has not answered yet", true, now
	}
	return b
}

// calm says whether there is nothing that a message that works would change.
func (b *breaker) calm() bool {
	return b.phase == closed && len(b.gone) == 0 && len(b.broken) == 0 && len(b.failing) == 0
}

// note takes in how a message that was let through in the present phase ended at now. Earlier ones are noted by noteLate.
func (b *breaker) note(now time.Time, o outcome, id string, attempt int, why string) {
	if b.says(o, id, attempt) == neutral {
		return
	}
	switch o {
	case alive:
		b.worked(now)
	case unreachable:
		b.open(now, true, why)
	case gone:
		b.judgeDown(now, add(&b.gone, id), why)
	case broken:
		add(&b.broken, id)
		b.judgeDown(now, false, why)
	case failing:
		b.judgeFailing(now, add(&b.failing, id), why)
	case neutral:
	}
}

// noteLate takes in the end of a message that was let through in an earlier phase: only what is beyond doubt counts. Failures
// that belong to those which led to the trial are remembered: the same message need not be tried again to see it fail.
func (b *breaker) noteLate(now time.Time, o outcome, id, why string) {
	switch {
	case o == alive:
		b.worked(now)
	case o == unreachable && b.phase != opened:
		b.open(now, true, why)
	case o == failing && b.phase == trial && len(b.failing) < manyFailing:
		add(&b.failing, id)
	}
}

// says is the outcome, but neutral where the message itself may be the reason, unless others are known to have failed too.
func (b *breaker) says(o outcome, id string, attempt int) outcome {
	if b.phase == closed && (o == broken || o == failing) && (attempt >= poisonAttempt || b.poison.has(id)) {
		return neutral
	}
	return o
}

// worked closes the breaker. Those that failed on the way, while it was closed all the time, did so by themselves.
func (b *breaker) worked(now time.Time) {
	if b.phase == closed {
		b.poison.add(b.broken)
		b.poison.add(b.failing)
	}
	b.close()
	b.last = now
}

func (b *breaker) close() {
	b.phase, b.cause, b.outage, b.refused, b.backoff, b.rounds = closed, "", false, false, firstBackoff, 0
	b.forget()
}

func (b *breaker) forget() { b.gone, b.broken, b.failing = nil, nil, nil }

// judgeDown opens the breaker when connections break or the target is said to be away; again says that the same message was
// told so before.
func (b *breaker) judgeDown(now time.Time, again bool, why string) {
	some := len(b.gone) >= goneMessages || len(b.broken) >= brokenMessages
	quiet := now.Sub(b.last) >= downQuiet
	if b.phase == trial || again || some && quiet || len(b.gone)+len(b.broken) >= downInRow {
		b.open(now, false, why)
	}
}

// judgeFailing puts the target to the trial when message after message fails, and opens the breaker when that goes on; again
// says that the same message failed before.
func (b *breaker) judgeFailing(now time.Time, again bool, why string) {
	switch {
	case b.phase == trial && (b.outage || again || now.Sub(b.last) >= failingQuiet || len(b.failing) >= manyFailing):
		b.open(now, false, why)
	case b.phase == closed && len(b.failing) >= failingMessages:
		b.phase, b.cause = trial, why
	}
}

// open pauses until the target's next check. Each trial that failed makes the pause longer.
func (b *breaker) open(now time.Time, refused bool, why string) {
	if b.phase == trial {
		b.backoff = min(2*b.backoff, longestBackoff)
	}
	b.phase, b.cause, b.outage, b.refused, b.due = opened, why, true, refused, now.Add(b.backoff)
	b.forget()
}

// checked takes in the result of a check that ended at now: nil lets messages through again, one at a time unless a
// connection was all that was missing.
func (b *breaker) checked(now time.Time, err error) {
	switch {
	case b.phase != opened:
	case err != nil:
		b.cause, b.due = err.Error(), now.Add(checkPause)
	case b.refused:
		b.close()
	default:
		b.phase = trial
	}
}

// holdFor is how long messages are held now before they are given back: longer with every round, so that an outage of
// which checks see nothing costs a message few delivery attempts.
func (b *breaker) holdFor(first time.Duration) time.Duration {
	return first << min(b.rounds, longestRounds)
}

// add adds an ID and reports whether it is there already. It is cloned: it shares its memory with the response that it came
// in.
func add(ids *[]string, id string) (again bool) {
	if slices.Contains(*ids, id) {
		return true
	}
	*ids = append(*ids, strings.Clone(id))
	return false
}

// poison are the IDs of messages that failed while others did not, the newest of them.
type poison struct {
	known map[string]struct{}
	order []string
	next  int // in order, once it is full
}

func (p *poison) has(id string) bool { _, ok := p.known[id]; return ok }

func (p *poison) add(ids []string) {
	for _, id := range ids {
		if p.has(id) {
			continue
		}
		p.known[id] = struct{}{}
		if len(p.order) < knownPoison {
			p.order = append(p.order, id)
			continue
		}
		delete(p.known, p.order[p.next])
		p.order[p.next] = id
		p.next = (p.next + 1) % knownPoison
	}
}
