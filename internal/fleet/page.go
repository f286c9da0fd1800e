package fleet

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// maxFlows bounds the subscriptions of one page.
const maxFlows = 1000

// Flow is what a page says about one subscription: counters since the worker's start, gauges now, instants in seconds since 1970. What
// it does not say is 0. Series that differ in other labels are added up; of instants the latest counts.
type Flow struct {
	// Subscription is the label's value, a short ID.
	Subscription string
	// InFlight and Slots are handlers that run and may run at once.
	InFlight, Slots float64
	// Delivered counts first deliveries, Left messages that were acked, dropped or dead-lettered, Acked and Nacked verdicts of the handler.
	Delivered, Left, Acked, Nacked float64
	// AckedSeconds is how long the handlers of acked messages took, added up.
	AckedSeconds float64
	// Frontier is when the latest first delivery was published, Last when a message was last given to the handler.
	Frontier, Last float64
	// Connected counts open streams; -1 where the worker does not say. Paused and Draining are above 0 while that is so.
	Connected, Paused, Draining float64

	seen series
}

// series is a set of those that a flow has shown.
type series uint16

const (
	inFlight series = 1 << iota
	slots
	delivered
	settled
	ackedSeconds
	frontier
	last
	connected
	paused
	draining
)

// required are those without which nothing can be told.
const required = inFlight | slots | delivered | settled | frontier

// Missing names the series that every worker must have and that were not on the page; empty when all were.
func (f *Flow) Missing() string {
	var names []string
	for _, one := range [...]struct {
		series
		name string
	}{
		{inFlight, "pubsub_worker_messages_in_flight"},
		{slots, "pubsub_worker_concurrency_limit"},
		{delivered, "pubsub_worker_first_deliveries_total"},
		{settled, "pubsub_worker_messages_settled_total"},
		{frontier, "pubsub_worker_frontier_timestamp_seconds"},
	} {
		if f.seen&one.series == 0 {
			names = append(names, one.name)
		}
	}
	return strings.Join(names, ", ")
}

// sound reports whether all numbers can be ones.
func (f *Flow) sound() bool {
	for _, v := range [...]float64{
		f.InFlight, f.Slots, f.Delivered, f.Left, f.Acked, f.Nacked, f.AckedSeconds, f.Frontier, f.Last, f.Connected + 1, f.Paused, f.Draining,
	} {
		if !plausible(v) {
			return false
		}
	}
	return true
}

func plausible(v float64) bool { return v >= 0 && v <= 1e15 }

// Page is what one worker's page says. The zero value is empty; parsing again uses the same memory.
type Page struct {
	flows []Flow
	// CPUSeconds is the processor time of the process, CPULimit the cores that it may use, Started when it began in seconds since 1970; 0
	// where the worker does not say, or says what cannot be.
	CPUSeconds, CPULimit, Started float64
}

// Flow returns what the page says about a subscription, by its short ID; nil when it says nothing.
func (p *Page) Flow(subscription string) *Flow {
	for i := range p.flows {
		if f := &p.flows[i]; f.Subscription == subscription && f.seen != 0 {
			return f
		}
	}
	return nil
}

// Subscriptions returns those that the page says something about, by their short IDs, in order.
func (p *Page) Subscriptions() []string {
	var names []string
	for i := range p.flows {
		if f := &p.flows[i]; f.seen != 0 {
			names = append(names, f.Subscription)
		}
	}
	slices.Sort(names)
	return names
}

// AllAcked adds up the acks of all flows.
func (p *Page) AllAcked() float64 {
	sum := 0.0
	for i := range p.flows {
		if p.flows[i].seen != 0 {
			sum += p.flows[i].Acked
		}
	}
	return sum
}

func (p *Page) reset() {
	for i := range p.flows {
		p.flows[i] = Flow{Subscription: p.flows[i].Subscription, Connected: -1}
	}
	p.CPUSeconds, p.CPULimit, p.Started = 0, 0, 0
}

// Parse reads a page in Prometheus' text format, version 0.0.4. Lines of other series are not looked at, whatever they say; a needed one
// that is malformed is an error. Names in quotes, which none of the needed ones wants, are not read.
func (p *Page) Parse(text []byte) error {
	p.reset()
	number := 0
	for line := range bytes.SplitSeq(text, []byte{'\n'}) {
		number++
		if err := p.line(bytes.TrimLeft(line, " \t")); err != nil {
			return fmt.Errorf("line %d: %w", number, err)
		}
	}
	for _, v := range [...]*float64{&p.CPUSeconds, &p.CPULimit, &p.Started} {
		if !plausible(*v) {
			*v = 0
		}
	}
	return nil
}

// The series that are not a flow's.
const (
	cpuSeconds = "process_cpu_seconds_total"
	cpuLimit   = "pubsub_worker_cpu_limit_cores"
	started    = "process_start_time_seconds"
)

var (
	errMalformed = errors.New("malformed")
	errFlows     = fmt.Errorf("more than %d subscriptions", maxFlows)
)

func (p *Page) line(line []byte) error {
	if len(line) == 0 || line[0] != 'p' { // as all names begin
		return nil
	}
	end := bytes.IndexAny(line, "{ \t")
	if end < 0 {
		return nil
	}
	name := line[:end]
	switch string(name) {
	case cpuSeconds, cpuLimit, started:
	default:
		if seriesOf(name) == 0 {
			return nil
		}
	}
	var labels labels
	rest, err := labels.read(bytes.TrimLeft(line[end:], " \t"))
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	v, err := value(rest)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return p.put(name, &labels, v)
}

// value reads the number behind the labels; a timestamp after it is not looked at.
func value(text []byte) (float64, error) {
	text = bytes.TrimLeft(text, " \t")
	if end := bytes.IndexAny(text, " \t"); end >= 0 {
		text = text[:end]
	}
	if bytes.ContainsAny(text, "pP_") { // what Go reads and the format does not have
		return 0, errMalformed
	}
	v, err := strconv.ParseFloat(string(text), 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return 0, errMalformed
	}
	return v, nil
}

func seriesOf(name []byte) series {
	switch string(name) {
	case "pubsub_worker_messages_in_flight":
		return inFlight
	case "pubsub_worker_concurrency_limit":
		return slots
	case "pubsub_worker_first_deliveries_total":
		return delivered
	case "pubsub_worker_messages_settled_total":
		return settled
	case "pubsub_worker_handler_duration_seconds_sum":
		return ackedSeconds
	case "pubsub_worker_frontier_timestamp_seconds":
		return frontier
	case "pubsub_worker_last_message_timestamp_seconds":
		return last
	case "pubsub_worker_stream_connected":
		return connected
	case "pubsub_worker_paused":
		return paused
	case "pubsub_worker_draining":
		return draining
	}
	return 0
}

// put adds one series' value.
func (p *Page) put(name []byte, l *labels, v float64) error {
	switch string(name) {
	case cpuSeconds:
		p.CPUSeconds += v
		return nil
	case cpuLimit:
		p.CPULimit += v
		return nil
	case started:
		p.Started = math.Max(p.Started, v)
		return nil
	}
	if len(l.subscription) == 0 {
		return nil
	}
	f := p.flow(l.subscription)
	if f == nil {
		return errFlows
	}
	f.put(seriesOf(name), l, v)
	return nil
}

// flow finds a flow, or makes it; nil when there are too many.
func (p *Page) flow(subscription []byte) *Flow {
	for i := range p.flows {
		if p.flows[i].Subscription == string(subscription) {
			return &p.flows[i]
		}
	}
	if len(p.flows) == maxFlows {
		return nil
	}
	p.flows = append(p.flows, Flow{Subscription: string(subscription), Connected: -1})
	return &p.flows[len(p.flows)-1]
}

func (f *Flow) put(s series, l *labels, v float64) {
	first := f.seen&s == 0
	f.seen |= s
	switch s {
	case inFlight:
		f.InFlight += v
	case slots:
		f.Slots += v
	case delivered:
		f.Delivered += v
	case settled:
		f.settle(l, v)
	case ackedSeconds:
		if string(l.result) == "ack" {
			f.AckedSeconds += v
		}
	case frontier:
		f.Frontier = math.Max(f.Frontier, v)
	case last:
		f.Last = math.Max(f.Last, v)
	case connected:
		if first {
			f.Connected = 0
		}
		f.Connected += v
	case paused:
		f.Paused += v
	case draining:
		f.Draining += v
	default:
	}
}

// settle counts verdicts. A nack because the worker was told to stop says nothing about the target.
func (f *Flow) settle(l *labels, v float64) {
	switch string(l.result) {
	case "ack":
		f.Acked += v
		f.Left += v
	case "drop", "dead_letter":
		f.Left += v
	case "nack", "delayed_nack":
		if string(l.reason) != "shutdown" {
			f.Nacked += v
		}
	}
}
