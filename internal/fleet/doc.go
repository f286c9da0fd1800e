// Package fleet scrapes workers: every few seconds their pages of metrics, of each the few series that a scaler needs.
//
//	Round ── targets ── spread over a part of the period, so many at once ── GET ── Page
//
// A page serves all flows of its worker. What was read last stays until the worker is no target any more; how old it is, its instant says.
// What counters mean, resets among it, is not decided here.
package fleet
