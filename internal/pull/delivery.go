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
	ack     func()
	nack    func()
}

// NewDelivery returns a delivery that is settled by calling ack or nack.
func NewDelivery(m backlog.Message, ack, nack func()) *Delivery {
	return &Delivery{Message: m, ack: ack, nack: nack}
}

// Ack says that the message is done with.
func (d *Delivery) Ack() {
	if d.settled.CompareAndSwap(false, true) {
		d.ack()
	}
}

// Nack gives the message back for redelivery, which costs it one delivery attempt.
func (d *Delivery) Nack() {
	if d.settled.CompareAndSwap(false, true) {
		d.nack()
	}
}
