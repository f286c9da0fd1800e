package hpa

import "time"

// record is a number of replicas and when it was proposed, added or removed.
type record struct {
	at       time.Time
	replicas int32
	spent    bool // Its place may be taken; of changes alone.
}

// history is a set of records in no particular order.
type history []record

// put keeps r in the place of the last record from before cutoff, or at the end. Upstream re-uses places in this way
// (stabilizeRecommendation, stabilizeRecommendationWithBehaviors), which bounds the length by one window of syncs.
func (h history) put(r record, cutoff time.Time) history {
	place := -1
	for i := range h {
		if h[i].at.Before(cutoff) {
			place = i
		}
	}
	if place < 0 {
		return append(h, r)
	}
	h[place] = r
	return h
}

// putSpending is put for changes. A record that was once from before the cutoff stays one whose place may be taken, also after the policies were
// given longer periods, in which it still counts until its place is taken (markScaleEventsOutdated, storeScaleEvent).
func (h history) putSpending(r record, cutoff time.Time) history {
	place := -1
	for i := range h {
		h[i].spent = h[i].spent || h[i].at.Before(cutoff)
		if h[i].spent {
			place = i
		}
	}
	if place < 0 {
		return append(h, r)
	}
	h[place] = r
	return h
}

// sumAfter adds up the replicas of the records later than cutoff; one exactly at the cutoff is out (getReplicasChangePerPeriod).
func (h history) sumAfter(cutoff time.Time) int32 {
	var sum int32
	for i := range h {
		if h[i].at.After(cutoff) {
			sum += h[i].replicas
		}
	}
	return sum
}
