// Package testenv gives tests what may be missing on a machine, such as the official Pub/Sub emulator, and makes every
// test that is skipped for want of it visible. Tests alone import it.
package testenv
