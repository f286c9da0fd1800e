// Package recording keeps what the control law was given, tick by tick, so that an incident can be held against other settings later.
//
// A recording is lines of JSON. The first names the version; then each flow is introduced before its first tick, and again when its law
// changes. Times of a tick are milliseconds before (positive) or after (negative) its own; what is not known has no key.
//
//	{"spillway_recording":1}
//	{"flow":0,"subscription":"projects/shop/subscriptions/offers","law":{"drain_seconds":60,"headroom":1.05,...}}
//	{"f":0,"t":1764241200123,"replicas":4,"backlog":[12000,95200],"desired":7.25,"pods":[{"name":"worker-1","ready":true,"at":800,...}]}
//
// Times are kept to the millisecond: who wants a replay to come to the very same numbers gives the law times of whole milliseconds too.
package recording
