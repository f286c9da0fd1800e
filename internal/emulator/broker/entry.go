package broker

// state says where a message is.
type state uint8

const (
	gone     state = iota // acknowledged, dropped, or never here
	fresh                 // in the log, ahead of the cursor
	queued                // in the redelivery queue
	pending               // in its ordering key's list
	leased                // delivered, its deadline in the wheel
	delayed               // waits for the end of its retry back-off, in the wheel
	retained              // acknowledged, kept for a seek
)

// Kind is how a message is delivered.
type Kind uint8

// The delivery types that Cloud Monitoring tells apart.
const (
	Pull Kind = iota
	Push
	kinds
)

// entry is one message in one subscription. Its memory is why chunks hold values: about 140 bytes a message.
type entry struct {
	body []byte // encoded PubsubMessage; shared by all subscriptions of the topic
	key  *orderKey
	// keyPrev and keyNext link the unacknowledged messages of one ordering key, oldest first.
	keyPrev, keyNext *entry
	// slot, prev and next are the place in the wheel; slot is nil outside of it.
	slot       *slot
	prev, next *entry
	stream     *Stream // holds the lease
	id, seq    uint64
	published  int64 // nanoseconds
	generation uint32
	tries      uint32 // nacks and expiries
	size       int32
	state      state
	kind       Kind
}

func (e *entry) waiting() bool { return e.state == fresh || e.state == queued || e.state == pending }

// unacked says whether the entry is part of the backlog.
func (e *entry) unacked() bool { return e.waiting() || e.state == leased || e.state == delayed }
