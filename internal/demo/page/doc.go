// Package page is the show in a browser: a board that remembers at most an hour or two at a bounded size, its history and
// its frames as server-sent events, and the controls as requests that no other site's page can send.
//
// What is shown comes in by Board.Show and the controls go out by a Director, so the page knows nothing of processes.
package page
