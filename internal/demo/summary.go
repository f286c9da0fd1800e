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
	put("first scale-up", "%s", v.raise(f))
	put("run time", "%s, the story told %s", clock(f.Elapsed), speed(v.pace))
	return out.String()
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
