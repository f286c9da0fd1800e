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
//
// How the other rooms meet it, in words of backlog and wired by app.go alone:
//
//	who is watched     Wants.Put("kube", []backlog.Want{...}) replaces, at any time, everything that one source asks for.
//	                   The sources are the flags, the discovery and the cluster; a subscription is polled as long as one of
//	                   them names it. What is new is polled at once.
//	what is known      Current implements backlog.Board over the newest board: Answer(sub, metric, now) has the total, the
//	                   labelled series, the state, the sample's instant, and the reason with a cure in plain words.
package export
