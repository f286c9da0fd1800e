package demo

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"spillway/internal/hpa"
)

// number writes n with a comma between thousands.
func number(n int64) string {
	digits := strconv.FormatInt(n, 10)
	sign := ""
	if n < 0 {
		sign, digits = "-", digits[1:]
	}
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return sign + digits
}

// level writes a number of messages, or that it is not known.
func level(l Level) string {
	if !l.Known {
		return "unknown"
	}
	return number(l.Messages)
}

// rate writes messages per second.
func rate(perSecond float64) string { return number(int64(math.Round(perSecond))) + " msg/s" }

// clock writes a time in minutes and seconds.
func clock(d time.Duration) string {
	seconds := int(d.Round(time.Second).Seconds())
	return fmt.Sprintf("%dm%02ds", seconds/60, seconds%60)
}

// age writes a message's age in two or three digits.
func age(d time.Duration) string {
	switch {
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < 10*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	default:
		return fmt.Sprintf("%.0f s", d.Seconds())
	}
}

// p50p99 writes both quantiles, or that they are not known.
func p50p99(a Ages) string {
	if !a.Known {
		return "unknown"
	}
	return age(a.P50) + " / " + age(a.P99)
}

// shown is what the exporter shows of Cloud Monitoring.
func shown(l Level) string {
	if !l.Known {
		return "shows nothing"
	}
	return "shows " + number(l.Messages)
}

func replicas(r Replicas) string {
	text := fmt.Sprintf("%d serve, %d wanted", r.Serving, r.Wanted)
	if r.Draining > 0 {
		text += fmt.Sprintf(", %d drain", r.Draining)
	}
	return text
}

func speed(p Pace) string {
	if p == 1 {
		return "in real time"
	}
	return fmt.Sprintf("%g times as fast", float64(p))
}

// words are the autoscaler's reason, empty where there are none for it.
func words(r hpa.Reason) string {
	return map[hpa.Reason]string{
		hpa.ReasonMetricError:     "nothing to scale on, replicas stay",
		hpa.ReasonWithinTolerance: "near enough to the target",
		hpa.ReasonMetric:          "as the metric asks",
		hpa.ReasonUpStabilized:    "waiting before scaling up",
		hpa.ReasonDownStabilized:  "more were wanted in the last 5 minutes",
		hpa.ReasonScaleUpLimit:    "no faster rise is allowed",
		hpa.ReasonScaleDownLimit:  "20 % a minute, no faster",
		hpa.ReasonTooManyReplicas: "at the maximum",
		hpa.ReasonTooFewReplicas:  "at the minimum",
	}[r]
}

// explain is the autoscaler's reason and what it means.
func explain(r hpa.Reason) string {
	if r == "" {
		return "has not looked yet"
	}
	if text := words(r); text != "" {
		return string(r) + ": " + text
	}
	return string(r)
}
