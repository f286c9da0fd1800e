// Package httpload sends requests to a URL at a constant rate, whatever the server does, and measures what became of them.
//
// The load is open: request number i is due i/rate after the beginning. A server that is slow does not slow the arrivals down, as
// it would with a fixed number of clients that each wait for an answer; it makes them wait, and that waiting is in the latencies.
// A request is due, then sent once one of the concurrent slots is free, then answered or failed; those that are still due at the
// end were not sent.
package httpload
