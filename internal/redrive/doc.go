// Package redrive moves dead letters back to a topic.
//
//	dead-letter subscription ──pull──> publish to the topic ──confirmed──> ack
//
// A letter is acked only when the service has confirmed its copy: none is lost, and one may be copied twice when the
// program is killed in between.
package redrive
