package backlog

import "time"

// Message is one delivery of a Pub/Sub message. Whoever receives it must not change it.
type Message struct {
	ID          string
	Data        []byte
	Attributes  map[string]string
	PublishTime time.Time
	OrderingKey string
	// DeliveryAttempt is 1 plus the nacks and expired deadlines so far. It is 0 when the subscription has no
	// dead-letter policy, because the service then does not count.
	DeliveryAttempt int
}
