package doctor

import (
	"fmt"
	"time"

	"google.golang.org/grpc/codes"

	"spillway/internal/backlog"
)

// lookback is how far back samples are looked for.
const lookback = time.Hour

// judgeSamples judges whether Cloud Monitoring has points of the metric, and how old the newest is.
func judgeSamples(s *subject) Finding {
	about := s.metric.Metric.Name() + " of " + s.sub.ID
	switch code := codeOf(s.readErr); {
	case code == codes.PermissionDenied:
		return skipped(linkSamples, about, "Cloud Monitoring may not be read: see the permissions")
	case code == codes.Unimplemented:
		return skipped(linkSamples, about, "this server is not Cloud Monitoring; give --monitoring-endpoint if another one is")
	case code == codes.NotFound:
		return failed(linkSamples, about, "Cloud Monitoring does not know the metric in this project", "check the project; one that never had a subscription lacks it")
	case s.readErr != nil:
		return failed(linkSamples, about, words(s.readErr), "check that Cloud Monitoring is reachable from here")
	}
	newest, ok := newestPoint(s.measured)
	if !ok {
		return failed(linkSamples, about, "Cloud Monitoring has no point of it within "+round(lookback), withoutPoints(s))
	}
	age := max(0, s.now.Sub(newest.End))
	says := fmt.Sprintf("the newest point is %s old and says %g", round(age), newest.Value)
	switch {
	case age <= s.freshFor:
		return fine(linkSamples, about, says)
	case age <= 2*s.freshFor:
		return warning(linkSamples, about, says+", which is later than normal", "wait: Cloud Monitoring has gaps of several minutes; the exporter holds the last value meanwhile")
	default:
		return failed(linkSamples, about, says+", too old to scale on", withoutPoints(s))
	}
}

// withoutPoints is the cure where points are missing, as far as it is known whether the subscription is there.
func withoutPoints(s *subject) string {
	if s.descErr != nil {
		return "see to the subscription first"
	}
	return "the subscription is idle or Cloud Monitoring has a gap: publish a message and look again after three minutes; " +
		"if being idle is normal, give the exporter --idle-as-zero"
}

func newestPoint(measured []backlog.Measured) (newest backlog.Point, ok bool) {
	for i := range measured {
		for _, p := range measured[i].Points {
			if !ok || p.End.After(newest.End) {
				newest, ok = p, true
			}
		}
	}
	return newest, ok
}

// round makes a duration fit for people.
func round(d time.Duration) string {
	switch {
	case d < 10*time.Second:
		return d.Round(10 * time.Millisecond).String()
	case d%time.Hour == 0:
		return fmt.Sprintf("%dh", int(d.Hours()))
	default:
		return d.Round(time.Second).String()
	}
}
