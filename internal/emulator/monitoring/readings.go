package monitoring

import (
	"slices"
	"strings"
	"time"
)

const push = "push"

func single(value int64, labels ...string) []reading {
	return []reading{{labels: labels, value: value}}
}

func undelivered(s SubscriptionState, _ moment) []reading  { return single(s.Undelivered) }
func backlogBytes(s SubscriptionState, _ moment) []reading { return single(s.BacklogBytes) }

func oldestAge(s SubscriptionState, m moment) []reading { return single(ageSeconds(s, m.at)) }

func undeliveredByRegion(s SubscriptionState, m moment) []reading {
	return overRegions(s.Undelivered, m.regions)
}

func bytesByRegion(s SubscriptionState, m moment) []reading {
	return overRegions(s.BacklogBytes, m.regions)
}

func oldestAgeByRegion(s SubscriptionState, m moment) []reading {
	rows := overRegions(s.Undelivered, m.regions)
	for i := range rows {
		if rows[i].value > 0 {
			rows[i].value = ageSeconds(s, m.at)
		}
	}
	return rows
}

// ageSeconds is 0 when nothing waits.
func ageSeconds(s SubscriptionState, at time.Time) int64 {
	if s.OldestUnacked.IsZero() {
		return 0
	}
	return max(0, int64(at.Sub(s.OldestUnacked)/time.Second))
}

// overRegions splits a total evenly; the first regions take the remainder, so that the parts add up to it exactly.
func overRegions(total int64, regions []string) []reading {
	n := int64(len(regions))
	rows := make([]reading, 0, n)
	for i, region := range regions {
		part := total / n
		if int64(i) < total%n {
			part++
		}
		rows = append(rows, reading{labels: []string{region}, value: part})
	}
	return rows
}

// byLabel gives one reading for every label value that the truth names, in a fixed order.
func byLabel(counts map[string]int64) []reading {
	rows := make([]reading, 0, len(counts))
	for value, n := range counts {
		rows = append(rows, reading{labels: []string{value}, value: n})
	}
	slices.SortFunc(rows, func(a, b reading) int { return strings.Compare(a.labels[0], b.labels[0]) })
	return rows
}

// outstandingPush has no reading for a subscription that was never pushed, as the service has no such series.
func outstandingPush(s SubscriptionState, _ moment) []reading {
	if !pushed(s) {
		return nil
	}
	return single(s.Outstanding[push])
}

// pushed reports whether the subscription has ever sent to a push endpoint.
func pushed(s SubscriptionState) bool {
	_, outstanding := s.Outstanding[push]
	_, sent := s.Sent[push]
	return outstanding || sent
}

func deadLettered(s SubscriptionState, _ moment) []reading {
	return single(s.DeadLettered, "success")
}

func sendRequests(t TopicState) []reading {
	rows := byLabel(t.SendRequests)
	for i, row := range rows {
		code := row.labels[0]
		rows[i].labels = []string{responseClass(code), responseCode(code)}
	}
	return rows
}

// responseCode turns a gRPC code name into the service's spelling: "OK" is success, the others are in lower case.
func responseCode(grpcCode string) string {
	if grpcCode == "OK" {
		return "success"
	}
	return strings.ToLower(grpcCode)
}

// responseClass sorts codes as HTTP does: the server's fault is internal, anything else that is not OK is invalid.
func responseClass(grpcCode string) string {
	switch grpcCode {
	case "OK":
		return "success"
	case "INTERNAL", "UNKNOWN", "UNAVAILABLE", "DATA_LOSS", "DEADLINE_EXCEEDED", "UNIMPLEMENTED":
		return "internal"
	default:
		return "invalid"
	}
}
