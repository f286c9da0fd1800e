// Package report keeps what a scenario has seen: points over time, printed live as a table and kept as JSON, and one page
// with a plot of every scenario that a folder has. The page is one file that fetches nothing.
package report
