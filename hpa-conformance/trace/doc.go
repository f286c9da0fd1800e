// Package trace is what the real controller was shown and what it did, sync by sync, and the comparison of package hpa with that. It stands on
// package hpa alone, so that a changed copy of it is compared in seconds.
package trace
