package export

import (
	"time"

	"spillway/internal/backlog"
	"spillway/internal/nowcast"
)

// entry makes what the board shows of a tick.
func (e *estimator) entry(key flowKey, f *flow, s *staff, law nowcast.Law, cause backlog.Answer, now time.Time) *estimated {
	r, x := f.result, &f.result.Explanation
	entry := &estimated{
		sub: key.sub, namespace: key.namespace, autoscaler: key.autoscaler,
		staffed: len(s.workers) > 0, expected: x.Expected, scraped: x.Scraped,
	}
	entry.name()
	fast := e.clock.speed
	for _, one := range []struct {
		of    nowcast.Estimate
		times float64
		why   func() (backlog.Reason, string)
	}{
		{r.Backlog, 1, func() (backlog.Reason, string) { return noBacklog(cause) }},
		{r.ArrivalRate, fast, func() (backlog.Reason, string) { return noRate(r, cause) }},
		{r.Capacity, fast, func() (backlog.Reason, string) { return noCapacity(r, cause) }},
		{r.Desired, 1, func() (backlog.Reason, string) { return noDesired(r, cause) }},
		{r.Drain, 1 / fast, func() (backlog.Reason, string) { return noDrain(r, cause) }},
	} {
		entry.values = append(entry.values, e.value(one.of, one.times, law, s.known, now, one.why))
	}
	entry.explained = &explanation{sub: key.sub, autoscaler: autoscalerName(key), result: r, clock: e.clock, values: entry.values, at: now}
	return entry
}

// value makes one number of an estimate. It expires although nobody ticks any more: as long after its instant as nothing fresh may be heard.
// What is made anew in every round is fresh for some rounds, else for as long as a sample.
func (e *estimator) value(of nowcast.Estimate, times float64, law nowcast.Law, everyRound bool, now time.Time, why func() (backlog.Reason, string)) estimate {
	var v estimate
	if of.State != backlog.Fresh {
		v.reason, v.why = why()
	}
	if of.State == backlog.Absent {
		return v
	}
	at := now.Add(-time.Duration(float64(of.Age) / e.clock.speed))
	v.seen = backlog.See(backlog.Sample{Value: of.Value * times, At: at}, now)
	fresh := max(e.patience, e.fresh)
	if of.Age == 0 && everyRound {
		fresh = e.patience
	}
	if of.State == backlog.Held {
		fresh = -1
	}
	v.limits = backlog.Limits{Fresh: fresh, Hold: max(0, e.clock.shrink(law.Stale)-fresh)}
	return v
}
