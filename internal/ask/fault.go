package ask

// Reason says in one word why an ask cannot be answered. It becomes the reason of an Event and a metric's label.
type Reason string

// The reasons. Those of the first group are found by Parse, those of the second by whoever reads.
const (
	UnknownMetric   Reason = "UnknownMetric"
	NoSubscription  Reason = "NoSubscription"
	BadSelector     Reason = "BadSelector"
	BadSubscription Reason = "BadSubscription"
	// BadAnnotation is a setting of the autoscaler itself that cannot be one.
	BadAnnotation Reason = "BadAnnotation"

	SubscriptionNotFound Reason = "SubscriptionNotFound"
	PermissionDenied     Reason = "PermissionDenied"
)

// Error is why an ask cannot be answered, however long one waits, and what to do about it.
type Error struct {
	Reason Reason
	// Message is a sentence for people, with the cure.
	Message string
}

// Error returns the message.
func (e *Error) Error() string { return e.Message }
