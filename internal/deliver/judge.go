package deliver

import (
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// VerdictHeader lets a target end a message itself: "drop" or "dead-letter", optionally followed by "; " and a reason.
const VerdictHeader = "Spillway-Verdict"

// maxDelay bounds a delayed nack: the longest back-off that a subscription's own retry policy may have.
const maxDelay = 10 * time.Minute

// judge reads the verdict from an answer. The statuses that ack are Pub/Sub's own for push endpoints,
// https://cloud.google.com/pubsub/docs/push#receive_push; everything else is a nack, a 4xx too.
func judge(resp *http.Response, now time.Time) Verdict {
	if value := resp.Header.Get(VerdictHeader); value != "" {
		return asked(value)
	}
	status := strconv.Itoa(resp.StatusCode)
	switch resp.StatusCode {
	case http.StatusProcessing, http.StatusOK, http.StatusCreated, http.StatusAccepted, http.StatusNoContent:
		return Verdict{Result: Ack, Reason: OK, Detail: status}
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		if delay := retryAfter(resp.Header.Get("Retry-After"), now); delay > 0 {
			return Verdict{Result: DelayedNack, Reason: Error, Detail: status, Delay: delay}
		}
	}
	return Verdict{Result: Nack, Reason: Error, Detail: status}
}

// asked reads the verdict header. A value that is not known is a nack: nothing is ended by a typing error.
func asked(value string) Verdict {
	word, why, _ := strings.Cut(value, ";")
	v := Verdict{Reason: Error, Detail: utf8Text(strings.TrimSpace(why))}
	switch strings.ToLower(strings.TrimSpace(word)) {
	case "drop":
		v.Result = Drop
	case "dead-letter":
		v.Result = DeadLetter
	default:
		v.Result, v.Detail = Nack, "unknown "+VerdictHeader
	}
	return v
}

// utf8Text reads a header's text, which is UTF-8 or ISO 8859-1 (RFC 9110, section 5.5).
func utf8Text(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	runes := make([]rune, 0, len(s))
	for i := range len(s) {
		runes = append(runes, rune(s[i]))
	}
	return string(runes)
}

// retryAfter reads seconds or an HTTP date (RFC 9110, section 10.2.3), at most maxDelay; 0 when there is nothing to
// wait for.
func retryAfter(value string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		return min(time.Duration(seconds)*time.Second, maxDelay)
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(0, min(at.Sub(now), maxDelay))
	}
	return 0
}
