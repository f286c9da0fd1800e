// Package pull receives one subscription: streams, leases, flow control, acks, ordering, exactly-once. It lends each
// message out as a Delivery, which is settled exactly once, and knows nothing of handlers.
//
//	stream ──messages──> inventory ──ready──> pool ──> handle(Delivery) ──Fate──> outbox ──> settler ──confirmed──> inventory
//	                        └─ due leases ──> keeper (a loop of its own, which no ack can delay)
//
// A message is in the inventory from its receipt until the server has confirmed its ack or nack. Its lease is kept all
// that time, and receiving has ended when the inventory is empty.
package pull
