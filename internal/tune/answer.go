package tune

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"spillway/internal/autoscaling"
	"spillway/internal/sim"
)

// Answer is what was found out.
type Answer struct {
	Title string
	Laws  Laws
	Trace sim.Trace
	// CapacityBy and StartUpBy say where these two come from.
	CapacityBy, StartUpBy string
	// Present is the autoscaler that there is, or nil.
	Present *autoscaling.Autoscaler
	// Played are the policies in the order in which they are read; the last is that on desired replicas.
	Played []Played
	// Peak is the highest rate that lasts a minute, in messages a second, and Max how many pods there may be.
	Peak float64
	Max  int
	// Verdict takes the recommendation's place; empty for the recommendation.
	Verdict string
	// Noted is what else the reader must know.
	Noted []string
}

func (a *Answer) desired() Played { return a.Played[len(a.Played)-1] }

// Text is the whole answer for a terminal.
func (a *Answer) Text() string {
	var b strings.Builder
	fmt.Fprintln(&b, a.Given())
	for _, note := range a.notes() {
		fmt.Fprintln(&b, note)
	}
	fmt.Fprintln(&b)
	b.WriteString(a.Laws.Text(target(a.Present)))
	fmt.Fprintln(&b)
	b.WriteString(table(a.Played))
	fmt.Fprintf(&b, "Floor: %s pod-hours, which nobody without a queue can go below. Each figure is the worst of the runs.\n\n", hours(a.desired().Outcome.Floor))
	fmt.Fprintln(&b, a.Recommendation())
	return b.String()
}

// Given says what was played.
func (a *Answer) Given() string {
	messages := 0.0
	for _, rate := range a.Trace.Arrived {
		messages += rate
	}
	return fmt.Sprintf("%s: %s messages in %s, at most %s/s for a minute. A pod settles %s/s (%s) and starts in %s (%s).",
		a.Trace.Name, number(messages), lasting(len(a.Trace.Arrived)), number(a.Peak), number(a.Laws.Capacity), a.CapacityBy, seconds(a.Laws.StartUp), a.StartUpBy)
}

// notes are what the reader must know of the input.
func (a *Answer) notes() []string {
	notes := slices.Clone(a.Noted)
	if a.Present != nil && len(a.Present.Left) > 0 {
		notes = append(notes, "Left out of your autoscaler: "+strings.Join(a.Present.Left, ", ")+"; with several metrics the largest proposal counts.")
	}
	if need := int(ceil(a.Peak / a.Laws.Capacity)); a.Peak > 1.03*float64(a.Max)*a.Laws.Capacity { // beyond noise
		notes = append(notes, fmt.Sprintf("The peak needs %d pods and there may be %d: no autoscaler keeps up with it. --max %d would do.", need, a.Max, need))
	}
	return notes
}

func lasting(s int) string {
	switch {
	case s < 7200:
		return fmt.Sprintf("%d min", (s+30)/60)
	case s < 2*sim.Day:
		return fmt.Sprintf("%.3g h", float64(s)/3600)
	}
	return fmt.Sprintf("%.3g days", float64(s)/sim.Day)
}

// table is the policies' figures in columns.
func table(list []Played) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "pod-hours\tof floor\tp50 s\tp99 s\toldest s\tmin over SLO\tchanges\treversals\tright size s\t")
	for _, p := range list {
		o := p.Outcome
		right := "-"
		if o.RightSize >= 0 {
			right = strconv.Itoa(o.RightSize)
		}
		fmt.Fprintf(w, "%s\t%.2f\t%.0f\t%.0f\t%.0f\t%.1f\t%d\t%d\t%s\t\n", hours(o.PodHours), o.OverFloor(), o.P50, o.P99, o.MaxAge, o.SLOMinutes, o.Changes, o.Reversals, right)
	}
	_ = w.Flush() // A strings.Builder never fails.
	lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
	width := 0
	for _, p := range list {
		width = max(width, len(p.Name))
	}
	var out strings.Builder
	for i, line := range lines {
		name := "policy"
		if i > 0 {
			name = list[i-1].Name
		}
		fmt.Fprintf(&out, "%-*s%s\n", width, name, line)
	}
	return out.String()
}

// Recommendation is one sentence, and a second one where a present target is refused.
func (a *Answer) Recommendation() string {
	if a.Verdict != "" {
		return a.Verdict
	}
	d := a.desired()
	text := fmt.Sprintf("Recommended: scale on desired replicas, %d to %d pods: %s.", max(1, d.Policy.Spec.MinReplicas), d.Policy.Spec.MaxReplicas, a.sum(d))
	i := slices.IndexFunc(a.Played, func(p Played) bool { return p.Target > 0 && !p.Present })
	if i >= 0 && a.Played[i].Outcome.SLOMinutes+1 < d.Outcome.SLOMinutes {
		raw := a.Played[i]
		text = fmt.Sprintf("Recommended: stay on raw backlog with %s: %s, where desired replicas have %s.", raw.Name, a.sum(raw), a.sum(d))
	} else if i >= 0 && better(a.Played[i].Outcome, d.Outcome) {
		text += fmt.Sprintf(" Raw backlog with a target of %s keeps the SLO too, for %s pod-hours, with half of the messages waiting %.0f s or more.",
			number(a.Played[i].Target), hours(a.Played[i].Outcome.PodHours), a.Played[i].Outcome.P50)
	}
	if t := target(a.Present); t > 0 && !a.Laws.Stable(t) {
		text += fmt.Sprintf("\nYour target of %s is refused whatever it scores here: k tau is %.2f, and from %.2f on each correction is larger than the one before. The least stable one is %s.",
			number(t), a.Laws.Gain(t), stable, number(a.Laws.LeastStable()))
	}
	return text
}

// sum is a policy's outcome in a clause, beside the present one's.
func (a *Answer) sum(p Played) string {
	clause := func(o sim.Outcome) string {
		return fmt.Sprintf("%.0f min over the SLO at %.2f of the floor", o.SLOMinutes, o.OverFloor())
	}
	if a.Played[0].Present {
		return clause(p.Outcome) + ", against " + clause(a.Played[0].Outcome) + " of yours"
	}
	return clause(p.Outcome)
}
