package pull

import (
	"sync/atomic"

	"spillway/internal/backlog"
)

// Delivery is a message lent to this process. Its lease is kept until Ack or Nack is called; the first call counts,
// later ones do nothing. Both are safe for concurrent use and return at once.
type Delivery struct {
	backlog.Message
	settled atomic.Bool
	owner   owner
}

// owner is told once what has become of a delivery.
type owner interface {
	settle(d *Delivery, ack bool)
}

// NewDelivery returns a delivery that calls settle once, with true for Ack and false for Nack.
func NewDelivery(m backlog.Message, settle func(ack bool)) *Delivery {
	return &Delivery{Message: m, owner: ownerFunc(settle)}
}

// ownerFunc is an owner made of a function.
type ownerFunc func(ack bool)

func (f ownerFunc) settle(_ *Delivery, ack bool) { f(ack) }

// Ack says that the message is done with.
func (d *Delivery) Ack() { d.end(true) }

// Nack gives the message back for redelivery, which costs it one delivery attempt.
func (d *Delivery) Nack() { d.end(false) }

func (d *Delivery) end(ack bool) {
	if d.settled.CompareAndSwap(false, true) {
		d.owner.settle(d, ack)
	}
}
