// Package export is the backlog exporter: it polls the backlog's late samples, keeps them on a board, and renders the
// board as series that say how far they may be believed.
//
//	observe  one call per metric and project, in the background, never inside a scrape
//	judge    a newer sample replaces an older one; what was not answered stays and ages
//	publish  the new board takes the old one's place in one step
//	record   polls, failures and changes of state go into metrics, health and log
//
// Whether a reading is fresh, held or absent is decided when it is read, not when it was polled: it expires on time even
// if the loop hangs.
package export
