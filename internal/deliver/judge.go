package deliver

import (
	"errors"
	"fmt"
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

// maxDetail bounds the reason that a target gives, in bytes: what an attribute of a dead letter may hold.
const maxDetail = 1024

// maxShown bounds what is shown of a value that is not known, in bytes before it is quoted.
const maxShown = 64

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
			return Verdict{Result: DelayedNack, Reason: reasonOf(resp.StatusCode), Detail: status, Delay: delay}
		}
	}
	return Verdict{Result: Nack, Reason: reasonOf(resp.StatusCode), Detail: status}
}

// reasonOf is the reason of a status that does not ack.
func reasonOf(status int) Reason {
	switch status {
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return Unavailable
	}
	switch status / 100 {
	case 1:
		return Status1xx
	case 2:
		return Status2xx
	case 3:
		return Status3xx
	case 4:
		return Status4xx
	case 5:
		return Status5xx
	}
	return StatusOther
}

// asked reads the verdict header. A value that is not known is a nack: nothing is ended by a typing error.
func asked(value string) Verdict {
	word, why, _ := strings.Cut(value, ";")
	v := Verdict{Reason: Asked, Detail: detail(strings.TrimSpace(why))}
	switch strings.ToLower(strings.TrimSpace(word)) {
	case "drop":
		v.Result = Drop
	case "dead-letter":
		v.Result = DeadLetter
	default:
		v.Result, v.Detail = Nack, fmt.Sprintf("unknown %s %+q: allowed are drop and dead-letter", VerdictHeader, word[:min(len(word), maxShown)])
	}
	return v
}

// detail reads a header's text, which is UTF-8 or ISO 8859-1 (RFC 9110, section 5.5), and keeps the beginning of it.
func detail(s string) string {
	if utf8.ValidString(s) {
		return strings.ToValidUTF8(s[:min(len(s), maxDetail)], "")
	}
	s = s[:min(len(s), maxDetail/2)] // Each byte may become two.
	runes := make([]rune, 0, len(s))
	for i := range len(s) {
		runes = append(runes, rune(s[i]))
	}
	return string(runes)
}

// retryAfter reads seconds or an HTTP date (RFC 9110, section 10.2.3), at most maxDelay; 0 when there is nothing to
// wait for.
func retryAfter(value string, now time.Time) time.Duration {
	switch seconds, err := strconv.ParseUint(value, 10, 31); {
	case err == nil:
		return min(time.Duration(seconds)*time.Second, maxDelay)
	case errors.Is(err, strconv.ErrRange):
		return maxDelay
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(0, min(at.Sub(now), maxDelay))
	}
	return 0
}
