package demo

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	"spillway/internal/demo/page"
)

// The exporter's series that are read, beside what Monitoring shows.
const (
	sampleAge      = "pubsub_subscription_num_undelivered_messages_sample_age_seconds"
	sampleState    = "pubsub_subscription_num_undelivered_messages_sample_state"
	sampleReason   = "pubsub_subscription_unacked_messages_reason"
	backlogSeries  = "pubsub_subscription_backlog_messages"
	desiredSeries  = "pubsub_subscription_desired_replicas"
	stateHeld      = "held"
	stateFresh     = "fresh"
	explainTimeout = 2 * time.Second
)

// reading is what the exporter says at one moment. What it does not say is unknown.
type reading struct {
	monitoring, estimate, desired page.Value
	state                         string // fresh, held, or absent; empty when the exporter did not answer.
	reason                        string // Why it is absent.
	age                           time.Duration
}

// read asks the exporter for everything at once.
func (s *stage) read(ctx context.Context) reading {
	families, err := scrapeAll(ctx, s.client, s.exporter.metrics())
	if err != nil {
		return unread()
	}
	labels := s.flow.labels()
	value := func(name string) page.Value {
		v, err := families.value(name, labels)
		if err != nil {
			return page.Unknown()
		}
		return page.Value(v)
	}
	r := reading{
		monitoring: value(lateBacklog), estimate: value(backlogSeries), desired: value(desiredSeries),
		state: families.label(sampleState, "state", labels), reason: families.label(sampleReason, "reason", labels),
	}
	if age := value(sampleAge); age.Known() {
		r.age = time.Duration(float64(age) * float64(time.Second))
	}
	return r
}

// unread is what is known when the exporter does not answer.
func unread() reading {
	return reading{monitoring: page.Unknown(), estimate: page.Unknown(), desired: page.Unknown()}
}

// words say how what Monitoring shows is to be read.
func (r reading) words() string {
	switch r.state {
	case "":
		return "The exporter does not answer."
	case stateFresh:
		return fmt.Sprintf("Monitoring shows %s messages, true %s ago.", number(int64(r.monitoring)), age(r.age))
	case stateHeld:
		return fmt.Sprintf("Monitoring has a gap: the last value, %s messages of %s ago, is held.", number(int64(r.monitoring)), age(r.age))
	default:
		text := "Monitoring shows nothing that may be believed, which is not 0: the autoscaler keeps the replicas that there are"
		if r.reason != "" {
			text += " (" + strings.ReplaceAll(r.reason, "_", " ") + ")"
		}
		return text + "."
	}
}

// level is what Monitoring shows.
func (r reading) level() Level {
	if !r.monitoring.Known() {
		return Level{}
	}
	return Level{Messages: int64(r.monitoring), Known: r.state != ""}
}

// held is 1 while the value is a repeated one.
func (r reading) held() page.Value {
	if r.state == stateHeld {
		return 1
	}
	return 0
}

// explain asks the exporter for its arithmetic; empty when there is none.
func (s *stage) explain(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(ctx, explainTimeout)
	defer cancel()
	body, err := get(ctx, s.client, "http://"+s.exporter.address+"/explain?subscription="+url.QueryEscape(s.flow.subscription.String()))
	if err != nil {
		return ""
	}
	defer func() { _ = body.Close() }()
	text, err := io.ReadAll(io.LimitReader(body, maxPage))
	if err != nil {
		return ""
	}
	return string(text)
}
