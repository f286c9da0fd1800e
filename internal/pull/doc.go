// Package pull receives: streams, leases, flow control and acks of one subscription. It lends each message out as a
// Delivery, which is settled exactly once, and knows nothing of handlers.
//
// The receiving stands on the client's high-level Subscriber, used only in the ways that lose nothing
// (docs/decisions/0007-receive-engine.md).
package pull
