// Package fault says what goes wrong in the emulated Pub/Sub, when and how often. It decides; others let it happen.
package fault
