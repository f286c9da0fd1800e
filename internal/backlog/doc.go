// Package backlog holds the words that every other package speaks: subscription, message, sample, reading.
// It imports the standard library only and decides nothing that needs a clock of its own.
package backlog
