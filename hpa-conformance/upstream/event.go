package upstream

import (
	"fmt"
	"strings"

	"github.com/go-logr/logr"
	"k8s.io/klog/v2"

	"spillway/hpa-conformance/trace"
	"spillway/internal/hpa"
)

// event takes the facts out of an event's message.
func event(warning bool, reason hpa.Reason, message string) trace.Event {
	e := trace.Event{Warning: warning, Reason: reason}
	if reason != hpa.ReasonEventRescale && reason != hpa.ReasonEventFailed {
		return e
	}
	if _, err := fmt.Sscanf(message, "New size: %d;", &e.Size); err != nil {
		panic(fmt.Sprintf("the event says no size: %q", message))
	}
	_, why, _ := strings.Cut(message, "reason: ")
	if reason == hpa.ReasonEventFailed {
		why, _, _ = strings.Cut(why, "; error: ")
	}
	switch {
	case why == "":
	case strings.HasSuffix(why, " above target"):
		e.Cause, e.Metric = hpa.CauseAbove, metricName(why)
	case why == "All metrics below target":
		e.Cause = hpa.CauseBelow
	case strings.Contains(why, "above Spec.MaxReplicas"):
		e.Cause = hpa.CauseAboveMax
	case strings.Contains(why, "below Spec.MinReplicas"):
		e.Cause = hpa.CauseBelowMin
	default:
		panic(fmt.Sprintf("the event says a reason that is not known: %q", message))
	}
	return e
}

// metricName finds the name of the metric in the reason: a resource's is its first word, another's follows the word "metric".
func metricName(why string) string {
	if _, rest, ok := strings.Cut(why, "metric "); ok {
		rest, _, _ = strings.Cut(rest, "(")
		return strings.TrimSuffix(rest, " above target")
	}
	name, _, _ := strings.Cut(why, " ")
	return name
}

// eventLog is a log that hears the controller's events before anything drops or merges them, and nothing else.
type eventLog struct{ cluster *cluster }

// Init does nothing.
func (eventLog) Init(logr.RuntimeInfo) {}

// Enabled keeps the controller's detailed logs out.
func (eventLog) Enabled(level int) bool { return level == eventVerbosity }

// eventVerbosity is the verbosity with which NewHorizontalController logs events.
const eventVerbosity = 3

// Info hears an entry.
func (l eventLog) Info(_ int, message string, pairs ...any) {
	if message != "Event occurred" {
		return
	}
	at := make(map[any]any, len(pairs)/2)
	for i := 0; i+1 < len(pairs); i += 2 {
		at[pairs[i]] = pairs[i+1]
	}
	if object := at["object"].(klog.ObjectRef); object.Name == ours {
		l.cluster.record(at["type"].(string), at["reason"].(string), at["message"].(string))
	}
}

// Error hears nothing: what the controller makes of an error is seen in its writes.
func (eventLog) Error(error, string, ...any) {}

// WithValues is the same log.
func (l eventLog) WithValues(...any) logr.LogSink { return l }

// WithName is the same log.
func (l eventLog) WithName(string) logr.LogSink { return l }
