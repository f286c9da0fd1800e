// Package load publishes to a topic at a rate, as a burst or along any other schedule, and counts what the server confirmed.
package load
