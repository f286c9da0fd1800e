package deliver

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"spillway/internal/backlog"
)

// Format is how a message is put into an HTTP request. docs/targets.md has an example of each.
type Format string

// The formats.
const (
	// Wrapped is Pub/Sub's push format: a JSON object with the payload in base64.
	Wrapped Format = "wrapped"
	// Unwrapped is Pub/Sub's push format without wrapper and with metadata: the payload as it is, the rest in headers.
	Unwrapped Format = "unwrapped"
	// CloudEvents is what Eventarc sends: a CloudEvent in binary mode whose data is the wrapped message.
	CloudEvents Format = "cloudevents"
)

// Valid says whether f is one of the formats.
func (f Format) Valid() bool { return f == Wrapped || f == Unwrapped || f == CloudEvents }

// smallData is how many bytes of payload are encoded into one buffer with their wrapper; more are encoded as they are sent.
const smallData = 64 << 10

// userAgent names the worker to its target.
const userAgent = "spillway-worker"

// eventType is the CloudEvents type of a published message, https://cloud.google.com/eventarc/docs/cloudevents.
const eventType = "google.cloud.pubsub.topic.v1.messagePublished"

// EventSource is the CloudEvents source for messages of a subscription whose topic is not known.
func EventSource(s backlog.Subscription) string { return "//pubsub.googleapis.com/" + s.String() }

// writer puts messages into one format. It is safe for concurrent use.
type writer struct {
	format Format
	header http.Header // what every request carries; never changed
	end    string      // the wrapper's JSON behind the message
	source string
}

func newWriter(o TargetOptions) *writer {
	w := &writer{format: o.Format, source: percent(o.EventSource), header: http.Header{
		"User-Agent": {userAgent},
		// An empty key is not sent, but tells net/http that the request may be repeated when a kept connection turns out to be
		// closed. A nack would repeat it too, and cost a delivery attempt.
		"Idempotency-Key": {},
	}}
	w.end = `},"subscription":` + string(appendString(nil, o.Subscription.String()))
	switch o.Format {
	case Unwrapped:
		w.header["X-Goog-Pubsub-Subscription-Name"] = []string{o.Subscription.String()}
	case Wrapped, CloudEvents:
		w.header["Content-Type"] = []string{"application/json"}
	}
	if user := o.URL.User; user != nil {
		w.header["Authorization"] = []string{basicAuth(user)}
	}
	return w
}

// basicAuth is the header's value for the user of a URL, by RFC 7617.
func basicAuth(user *url.Userinfo) string {
	password, _ := user.Password()
	r := http.Request{Header: http.Header{}}
	r.SetBasicAuth(user.Username(), password)
	return r.Header.Get("Authorization")
}

// write returns the body of m's request, and its headers, which are shared and must not be changed.
func (w *writer) write(m *backlog.Message) (payload, http.Header) {
	switch w.format {
	case Unwrapped:
		return payload{data: m.Data}, w.unwrapped(m)
	case CloudEvents:
		return w.wrap(m, false), w.event(m)
	case Wrapped:
	}
	return w.wrap(m, true), w.header
}

// wrap makes Pub/Sub's wrapped push body, https://cloud.google.com/pubsub/docs/push#receive_push. The service sends the
// message's ID and time under both spellings; endpoints read one or the other. In an event only the first is documented,
// and a reader of protobuf's JSON would refuse the second as a duplicate.
func (w *writer) wrap(m *backlog.Message, both bool) payload {
	small := len(m.Data) <= smallData
	size := 192 + 2*len(m.ID) + len(m.OrderingKey) + len(w.end)
	for _, a := range m.Attributes {
		size += len(a.Key) + len(a.Value) + 6
	}
	if small {
		size += base64.StdEncoding.EncodedLen(len(m.Data))
	}
	b := append(make([]byte, 0, size), `{"message":{`...)
	for i, a := range m.Attributes {
		if i == 0 {
			b = append(b, `"attributes":{`...)
		} else {
			b = append(b, ',')
		}
		b = append(appendString(b, a.Key), ':')
		b = appendString(b, a.Value)
	}
	if len(m.Attributes) > 0 {
		b = append(b, `},`...)
	}
	head := len(b)
	if len(m.Data) > 0 {
		b = append(b, `"data":"`...)
		if small {
			b = base64.StdEncoding.AppendEncode(b, m.Data)
		}
		head = len(b)
		b = append(b, `",`...)
	}
	b = appendString(append(b, `"messageId":`...), m.ID)
	if both {
		b = appendString(append(b, `,"message_id":`...), m.ID)
	}
	b = append(b, `,"publishTime":"`...)
	at := len(b)
	b = append(appendTime(b, m.PublishTime), '"')
	if both {
		stamp := b[at:] // With its closing quote.
		b = append(append(b, `,"publish_time":"`...), stamp...)
	}
	if m.OrderingKey != "" {
		b = appendString(append(b, `,"orderingKey":`...), m.OrderingKey)
	}
	b = append(b, w.end...)
	if m.DeliveryAttempt != 0 {
		b = strconv.AppendInt(append(b, `,"deliveryAttempt":`...), int64(m.DeliveryAttempt), 10)
	}
	b = append(b, '}')
	if small {
		return payload{data: b}
	}
	return payload{head: b[:head], data: m.Data, encode: true, tail: b[head:]}
}

// event returns the headers of a CloudEvent in binary mode.
func (w *writer) event(m *backlog.Message) http.Header {
	h := headers{make(http.Header, len(w.header)+5), make([]string, 0, 5)}
	h.addAll(w.header)
	h.set("Ce-Id", percent(m.ID))
	h.set("Ce-Source", w.source)
	h.set("Ce-Specversion", "1.0")
	h.set("Ce-Time", string(appendTime(nil, m.PublishTime)))
	h.set("Ce-Type", eventType)
	return h.Header
}

// percent encodes what a CloudEvents header may not hold as it is (HTTP protocol binding 1.0.2, section 3.1.3.2).
func percent(s string) string {
	const hex = "0123456789ABCDEF"
	plain := func(c byte) bool { return c > ' ' && c < 0x7f && c != '"' && c != '%' }
	i := 0
	for i < len(s) && plain(s[i]) {
		i++
	}
	if i == len(s) {
		return s
	}
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; plain(c) {
			b.WriteByte(c)
		} else {
			b.Write([]byte{'%', hex[c>>4], hex[c&15]})
		}
	}
	return b.String()
}
