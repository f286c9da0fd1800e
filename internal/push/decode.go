package push

import (
	"bytes"
	"cmp"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"spillway/internal/backlog"
)

// Pub/Sub's limits, https://cloud.google.com/pubsub/quotas#resource_limits.
const (
	maxMessage   = 10_000_000   // bytes of payload
	maxMetadata  = 100 * 1280   // bytes of 100 attributes' keys and values
	maxEscape    = 6            // bytes of JSON for a byte of text, at most
	metadataRoom = 64 << 10     // field names, subscription, ordering key
	metadataID   = "message-id" // the header that every delivery with metadata has
)

// MaxBody bounds the body of a delivery, in bytes: the largest message, wrapped, is about 14.2 MB.
const MaxBody = (maxMessage+2)/3*4 + maxEscape*maxMetadata + metadataRoom

// maxDepth bounds the nesting of the JSON. A delivery has 3 levels.
const maxDepth = 16

// metadataPrefix begins the names of the headers that carry a message's metadata without a wrapper.
const metadataPrefix = "X-Goog-Pubsub-"

// decode reads a delivery and the name of its subscription. A delivery with a header x-goog-pubsub-message-id has no wrapper: its
// body is the message's data. Every other one is JSON, https://cloud.google.com/pubsub/docs/push#receive_push. A message that says
// no publish time gets now.
func decode(header http.Header, body []byte, now time.Time) (*backlog.Message, string, error) {
	if header.Get(metadataPrefix+metadataID) != "" {
		return unwrapped(header, body, now)
	}
	return wrapped(body, now)
}

// wrapper is the JSON of a delivery. Pub/Sub sends ID and time in both spellings.
type wrapper struct {
	Message *struct {
		Attributes   map[string]string `json:"attributes"`
		Data         []byte            `json:"data"`
		MessageID    string            `json:"messageId"`
		MessageID2   string            `json:"message_id"`
		PublishTime  string            `json:"publishTime"`
		PublishTime2 string            `json:"publish_time"`
		OrderingKey  string            `json:"orderingKey"`
	} `json:"message"`
	Subscription    string `json:"subscription"`
	DeliveryAttempt int    `json:"deliveryAttempt"`
}

func wrapped(body []byte, now time.Time) (*backlog.Message, string, error) {
	if deeper(body, maxDepth) {
		return nil, "", fault("the JSON of the body is nested too deeply")
	}
	var w wrapper
	// The decoder's own error would quote the body.
	if err := json.Unmarshal(body, &w); err != nil || w.Message == nil {
		return nil, "", fault("the body is not a push delivery in JSON; a subscription without wrapper must write metadata")
	}
	id := cmp.Or(w.Message.MessageID, w.Message.MessageID2)
	if id == "" {
		return nil, "", fault("message.messageId is missing")
	}
	published, err := publishTime(cmp.Or(w.Message.PublishTime, w.Message.PublishTime2), now)
	if err != nil {
		return nil, "", err
	}
	if w.DeliveryAttempt < 0 {
		return nil, "", fault("deliveryAttempt is negative")
	}
	return &backlog.Message{
		ID: id, Data: w.Message.Data, Attributes: backlog.AttributesOf(w.Message.Attributes), PublishTime: published,
		OrderingKey: w.Message.OrderingKey, DeliveryAttempt: w.DeliveryAttempt,
	}, w.Subscription, nil
}

func unwrapped(header http.Header, body []byte, now time.Time) (*backlog.Message, string, error) {
	meta := func(name string) string { return text(header.Get(metadataPrefix + name)) }
	if len(body) > maxMessage {
		return nil, "", fault("the message has more bytes than Pub/Sub takes")
	}
	published, err := publishTime(meta("publish-time"), now)
	if err != nil {
		return nil, "", err
	}
	attempt := 0
	if given := meta("delivery-attempt"); given != "" {
		if attempt, err = strconv.Atoi(given); err != nil || attempt < 0 {
			return nil, "", fault("x-goog-pubsub-delivery-attempt is not a number")
		}
	}
	return &backlog.Message{
		ID: meta(metadataID), Data: body, Attributes: attributes(header), PublishTime: published,
		OrderingKey: meta("ordering-key"), DeliveryAttempt: attempt,
	}, meta("subscription-name"), nil
}

func publishTime(value string, now time.Time) (time.Time, error) {
	if value == "" {
		return now, nil
	}
	t, err := time.Parse(time.RFC3339Nano, value)
	if err != nil {
		return time.Time{}, fault("the publish time is not one in RFC 3339")
	}
	return t, nil
}

// attributes are the headers that are neither metadata nor the transport's own. Header names have no case, so keys come in lower
// case.
func attributes(header http.Header) backlog.Attributes {
	var list backlog.Attributes
	for _, name := range slices.Sorted(maps.Keys(header)) {
		if !transport(name) {
			list = append(list, backlog.Attribute{Key: strings.ToLower(name), Value: text(strings.Join(header[name], ", "))})
		}
	}
	return list
}

// transport reports whether a header, in Go's canonical spelling, is set by HTTP clients and proxies rather than by the message.
// Content-Type is the message's: Pub/Sub sends none of its own without a wrapper.
func transport(name string) bool {
	switch name {
	case "Accept", "Accept-Encoding", "Accept-Language", "Authorization", "Cache-Control", "Connection", "Content-Length", "Cookie",
		"Date", "Expect", "Forwarded", "From", "Keep-Alive", "Origin", "Pragma", "Referer", "Te", "Traceparent", "Tracestate",
		"Trailer", "Transfer-Encoding", "Upgrade", "User-Agent", "Via", "X-Cloud-Trace-Context", "X-Real-Ip", "X-Request-Id":
		return true
	}
	for _, prefix := range [...]string{metadataPrefix, "X-Forwarded-", "X-Envoy-", "X-B3-", "Proxy-", "Sec-"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// text makes a header's value the UTF-8 that Pub/Sub's strings are.
func text(value string) string { return strings.ToValidUTF8(value, "\uFFFD") }

// deeper reports whether JSON is nested more than limit levels deep. What is no JSON at all is found by the decoder.
func deeper(document []byte, limit int) bool {
	depth := 0
	for i := 0; i < len(document); i++ {
		switch document[i] {
		case '"':
			i += closingQuote(document[i+1:]) + 1
		case '{', '[':
			if depth++; depth > limit {
				return true
			}
		case '}', ']':
			depth--
		}
	}
	return false
}

// closingQuote returns where the string that s begins in ends, or len(s). Payloads are long strings, so it looks for quotes instead
// of at each byte.
func closingQuote(s []byte) int {
	for end := 0; ; end++ {
		next := bytes.IndexByte(s[end:], '"')
		if next < 0 {
			return len(s)
		}
		end += next
		escapes := 0
		for escapes < end && s[end-1-escapes] == '\\' {
			escapes++
		}
		if escapes%2 == 0 {
			return end
		}
	}
}
