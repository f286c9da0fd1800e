package kube

import (
	"fmt"

	"spillway/internal/ask"
	"spillway/internal/backlog"
)

// series are the labels by which a fault is shown.
type series struct {
	Autoscaler
	reason ask.Reason
}

// judge gathers everything that cannot be answered, shows it as series and has it told.
func (w *Watcher) judge(all []*autoscaler) {
	w.metrics.autoscalers.Set(float64(len(all)))
	lasting, shown := map[told]bool{}, map[series]bool{}
	for _, a := range all {
		for _, faults := range [][]fault{a.faults, w.unanswerable(a)} {
			for _, f := range faults {
				lasting[toldOf(a, f)] = true
				shown[series{a.Autoscaler, f.reason}] = true
				w.teller.tell(a, f)
			}
		}
	}
	w.teller.forget(lasting)
	for s := range shown {
		w.metrics.faults.WithLabelValues(s.Namespace, s.Name, string(s.reason)).Set(1)
	}
	for s := range w.shown {
		if !shown[s] {
			w.metrics.faults.DeleteLabelValues(s.Namespace, s.Name, string(s.reason))
		}
	}
	w.shown = shown
}

// unanswerable asks the board which of an autoscaler's subscriptions do not exist or may not be read.
func (w *Watcher) unanswerable(a *autoscaler) []fault {
	if w.opts.Board == nil {
		return nil
	}
	var faults []fault
	for _, asked := range a.asks {
		for _, sub := range asked.Subscriptions {
			answer := w.opts.Board.Answer(sub, asked.Metric.Metric, w.opts.Now())
			message := fmt.Sprintf("The backlog of %s cannot be read: %s.", sub, answer.Why)
			switch answer.Reason {
			case backlog.ReasonMissing, backlog.ReasonDeleted:
				faults = append(faults, fault{ask.SubscriptionNotFound, sub.String(), message})
			case backlog.ReasonForbidden:
				faults = append(faults, fault{ask.PermissionDenied, sub.String(), message})
			default: // a gap ends by itself
			}
		}
	}
	return faults
}
