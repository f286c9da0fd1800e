// Package testenv gives tests what they need from the machine: the official Pub/Sub emulator, running programs, golden
// files. A test that is skipped for want of something is always visible. Tests alone import it.
package testenv
