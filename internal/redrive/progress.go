package redrive

import (
	"fmt"
	"strings"
	"text/tabwriter"
	"time"
)

// barWidth is that of the bar of a run with a limit, in characters.
const barWidth = 30

// line says how far the run is; with a limit as a bar, because Pub/Sub does not say how many letters there are.
func (a *App) line(elapsed time.Duration) string {
	done, what := int(a.moved.Load()), "moved"
	if a.opts.DryRun {
		done, what = a.tally.held(), "looked at"
	}
	rate := float64(done) / max(elapsed.Seconds(), 1e-9)
	if a.opts.Limit == 0 {
		return fmt.Sprintf("%s  %s %d  %.0f/s", elapsed.Round(time.Second), what, done, rate)
	}
	full := barWidth * min(done, a.opts.Limit) / a.opts.Limit
	bar := strings.Repeat("#", full) + strings.Repeat(".", barWidth-full)
	return fmt.Sprintf("%s  [%s] %s %d of at most %d  %.0f/s", elapsed.Round(time.Second), bar, what, done, a.opts.Limit, rate)
}

// summary is the result: rows of name and value, and the kinds of letters after a dry run.
func (a *App) summary(took time.Duration) string {
	var out strings.Builder
	if !a.opts.DryRun {
		fmt.Fprintf(&out, "moved       %d to %s\ngiven back  %d\ntook        %s\n", a.moved.Load(), a.names.topic, a.failed.Load(), took.Round(10*time.Millisecond))
		return out.String()
	}
	fmt.Fprintf(&out, "would move  %d to %s; everything was given back\n", a.tally.held(), a.names.topic)
	if a.tally.held() >= a.opts.Limit {
		fmt.Fprintf(&out, "there may be more: the run ended at its limit, --limit=%d\n", a.opts.Limit)
	}
	table := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	for i, r := range a.tally.rows() {
		if i == 0 {
			fmt.Fprintln(table, "\nletters\tfrom\treason")
		}
		fmt.Fprintf(table, "%d\t%s\t%s\n", r.count, r.subscription, printable(r.reason))
	}
	_ = table.Flush()
	return out.String()
}

// printable keeps a reason, which anybody may have written, to one line without control characters.
func printable(s string) string {
	const longest = 100
	clean := strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return ' '
		}
		return r
	}, s)
	if runes := []rune(clean); len(runes) > longest {
		return string(runes[:longest-3]) + "..."
	}
	return clean
}
