package deliver

import (
	"maps"
	"net/http"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpguts"

	"spillway/internal/backlog"
)

// headers are made with one array for all their values.
type headers struct {
	http.Header
	values []string
}

func (h *headers) set(canonical, value string) {
	h.values = append(h.values, value)
	n := len(h.values)
	h.Header[canonical] = h.values[n-1 : n : n]
}

// addAll shares the values of other.
func (h *headers) addAll(other http.Header) {
	maps.Copy(h.Header, other)
}

// unwrapped returns the headers of an unwrapped message: its attributes, those that may be headers, and its metadata,
// which no attribute replaces.
func (w *writer) unwrapped(m *backlog.Message) http.Header {
	n := len(m.Attributes) + 4
	h := headers{make(http.Header, len(w.header)+n), make([]string, 0, n)}
	for _, a := range m.Attributes {
		if name := http.CanonicalHeaderKey(a.Key); mayBeHeader(name) && legal(a.Value) && !h.precedes(m, name, a.Key) {
			h.set(name, a.Value)
		}
	}
	h.addAll(w.header)
	if legal(m.ID) {
		h.set("X-Goog-Pubsub-Message-Id", m.ID)
	}
	h.set("X-Goog-Pubsub-Publish-Time", string(appendTime(nil, m.PublishTime)))
	if m.OrderingKey != "" && legal(m.OrderingKey) {
		h.set("X-Goog-Pubsub-Ordering-Key", m.OrderingKey)
	}
	if m.DeliveryAttempt != 0 {
		h.set("Spillway-Delivery-Attempt", strconv.Itoa(m.DeliveryAttempt))
	}
	return h.Header
}

// precedes says whether a header of that name is set already by an attribute whose key sorts before key: keys that differ
// by case alone are one header, and which of them it is must not depend on their order.
func (h *headers) precedes(m *backlog.Message, name, key string) bool {
	if _, taken := h.Header[name]; !taken {
		return false
	}
	for _, a := range m.Attributes {
		if a.Key < key && http.CanonicalHeaderKey(a.Key) == name && legal(a.Value) {
			return true
		}
	}
	return false
}

// legal says whether a header may have the value: it has no line break and no other control character.
func legal(value string) bool { return httpguts.ValidHeaderFieldValue(value) }

// mayBeHeader says whether an attribute may be a header of that canonical name. Some that are legal are not the publisher's
// to set: those that frame the request or belong to the connection, those that say who the caller is, and ours.
func mayBeHeader(name string) bool {
	switch name {
	case "Connection", "Content-Length", "Expect", "Host", "Http2-Settings", "Keep-Alive", "Proxy-Connection", "Te", "Trailer",
		"Transfer-Encoding", "Upgrade", "User-Agent":
		return false
	case "Authorization", "Cookie", "Forwarded", "Proxy-Authenticate", "Proxy-Authorization", "X-Real-Ip":
		return false
	}
	for _, prefix := range [...]string{"X-Goog-Pubsub-", "X-Forwarded-", "Spillway-"} {
		if strings.HasPrefix(name, prefix) {
			return false
		}
	}
	return httpguts.ValidHeaderFieldName(name)
}
