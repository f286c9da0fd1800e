// Package wire reads publish requests and writes received messages without decoding payloads: a stored message stays in the
// encoding in which it arrived, so publishing and delivering cost one copy each.
package wire
