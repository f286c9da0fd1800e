// Package run starts the programs that a benchmark measures, reads what they cost, fills queues for them, and prints figures
// as rows.
package run
