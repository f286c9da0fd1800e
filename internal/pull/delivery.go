package pull

import (
	"sync"

	"spillway/internal/backlog"
)

// Fate is what becomes of a delivery.
type Fate uint8

// The fates. A handler that returns Open calls Ack or Nack later, from wherever it likes.
const (
	Open Fate = iota
	Acked
	Nacked
)

// Delivery is a message lent to this process. Its lease is kept until its fate is decided, by what its handler returns
// or by Ack or Nack; the first decision counts, later ones do nothing. Both are safe for concurrent use and return at
// once.
type Delivery struct {
	backlog.Message
	owner owner
}

// owner is told what becomes of a delivery, perhaps more than once.
type owner interface{ settle(f Fate) }

// NewDelivery returns a delivery that calls settle once, with true when it is acked and false when it is nacked.
func NewDelivery(m backlog.Message, settle func(ack bool)) *Delivery {
	return &Delivery{Message: m, owner: &ownerFunc{settled: settle}}
}

// ownerFunc is an owner made of a function.
type ownerFunc struct {
	once    sync.Once
	settled func(ack bool)
}

func (o *ownerFunc) settle(f Fate) { o.once.Do(func() { o.settled(f == Acked) }) }

// Ack says that the message is done with.
func (d *Delivery) Ack() { d.Settle(Acked) }

// Nack gives the message back for redelivery, which costs it one delivery attempt.
func (d *Delivery) Nack() { d.Settle(Nacked) }

// Settle decides the delivery's fate; Open decides nothing.
func (d *Delivery) Settle(f Fate) {
	if f != Open {
		d.owner.settle(f)
	}
}
