// Package conformance holds one suite of cases over Pub/Sub's public client, each with what the service documents. It runs
// against this project's emulator and against the official one, and knows where either differs.
package conformance
