package demo

import (
	"fmt"
	"strings"
)

// summary is the run's result as rows of a name and its figures.
func (v view) summary(f Frame) string {
	var out strings.Builder
	put := func(name, format string, args ...any) {
		fmt.Fprintf(&out, "%-16s"+format+"\n", append([]any{name}, args...)...)
	}
	put("published", "%s", number(f.Counts.Published))
	put("handled", "%s", number(f.Counts.Handled))
	put("lost", "%s", number(f.Lost))
	put("duplicated", "%s", number(f.Counts.Duplicated))
	if queued := f.Counts.Waiting - f.Lost; queued > 0 {
		put("still queued", "%s", number(queued))
	}
	if f.Failed > 0 {
		put("not published", "%s", number(f.Failed))
	}
	put("replicas", "min %d, max %d, end %d", f.Fewest, f.Most, f.Replicas.Wanted)
	put("peak backlog", "%s true, %s as Monitoring showed it", level(f.PeakBacklog), level(f.PeakMonitoring))
	put("message age", "p50 %s, p99 %s", known(f.All, age(f.All.P50)), known(f.All, age(f.All.P99)))
	if !f.Taken { // Else there was no burst of the story's.
		put("first scale-up", "%s", v.raise(f))
		put("right size", "%s", v.right(f))
	}
	put("pod-seconds", "%s", number(int64(f.PodSeconds)))
	put("run time", "%s, the story told %s", clock(f.Elapsed), speed(v.pace))
	return out.String()
}

// comparison holds two runs of the same load against each other.
func (v view) comparison(late, right Frame) string {
	var out strings.Builder
	put := func(name string, of func(Frame) string) {
		fmt.Fprintf(&out, "%-20s%14s%14s\n", name, of(late), of(right))
	}
	fmt.Fprintf(&out, "%-20s%14s%14s\n", "the HPA scales on", policyBacklog, policyDesired)
	put("message age p50", func(f Frame) string { return known(f.All, age(f.All.P50)) })
	put("message age p99", func(f Frame) string { return known(f.All, age(f.All.P99)) })
	put("pod-seconds", func(f Frame) string { return number(int64(f.PodSeconds)) })
	put("time to right size", v.rightSize)
	put("replicas at most", func(f Frame) string { return number(int64(f.Most)) })
	put("published", func(f Frame) string { return number(f.Counts.Published) })
	put("lost", func(f Frame) string { return number(f.Lost) })
	put("duplicated", func(f Frame) string { return number(f.Counts.Duplicated) })
	return out.String()
}

// rightSize is how long it took from the burst until as many workers served as it needs, in real time.
func (v view) rightSize(f Frame) string {
	if f.RightSize == 0 {
		return "never"
	}
	return fmt.Sprintf("%.1f s", v.pace.Wall(f.RightSize).Seconds())
}

func (v view) right(f Frame) string {
	if f.RightSize == 0 {
		return "never reached"
	}
	return v.rightSize(f) + " after the burst began"
}

func known(a Ages, text string) string {
	if !a.Known {
		return "unknown"
	}
	return text
}

func (v view) raise(f Frame) string {
	if f.Raise == 0 {
		return "none since the burst began"
	}
	wall := fmt.Sprintf("%.1f s after the burst began", v.pace.Wall(f.Raise).Seconds())
	if v.pace == 1 {
		return wall
	}
	return wall + ", " + clock(f.Raise) + " in the story"
}
