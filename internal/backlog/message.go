package backlog

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Message is one delivery of a Pub/Sub message. Whoever receives it must not change it.
type Message struct {
	ID          string
	Data        []byte
	Attributes  Attributes
	PublishTime time.Time
	OrderingKey string
	// DeliveryAttempt is 1 plus the nacks and expired deadlines so far. It is 0 when the subscription has no
	// dead-letter policy, because the service then does not count.
	DeliveryAttempt int
}

// Attribute is one attribute of a message.
type Attribute struct{ Key, Value string }

// Attributes are a message's attributes, each key once, in no particular order. A list costs a fraction of what a map
// does for the few that messages have, and a message has at most 100.
type Attributes []Attribute

// AttributesOf returns the entries of m, sorted by key.
func AttributesOf(m map[string]string) Attributes {
	if len(m) == 0 {
		return nil
	}
	a := make(Attributes, 0, len(m))
	for key, value := range m {
		a = append(a, Attribute{Key: key, Value: value})
	}
	slices.SortFunc(a, func(x, y Attribute) int { return cmp.Compare(x.Key, y.Key) })
	return a
}

// Get returns the value of key, and whether there is one.
func (a Attributes) Get(key string) (string, bool) {
	for i := range a {
		if a[i].Key == key {
			return a[i].Value, true
		}
	}
	return "", false
}

// Reserved says whether an attribute's key is the service's own: it adds attributes such as googclient_schemaid itself, and takes
// none that begins with goog from a publisher but the two in which Google's clients write a trace context.
func Reserved(key string) bool {
	const prefix = "goog"
	return len(key) >= len(prefix) && strings.EqualFold(key[:len(prefix)], prefix) &&
		key != "googclient_traceparent" && key != "googclient_tracestate"
}

// Map returns the attributes as a map of their own; nil when there are none.
func (a Attributes) Map() map[string]string {
	if len(a) == 0 {
		return nil
	}
	m := make(map[string]string, len(a))
	for _, attribute := range a {
		m[attribute.Key] = attribute.Value
	}
	return m
}
