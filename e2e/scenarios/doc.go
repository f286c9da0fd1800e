// Package scenarios holds what Spillway is shown to do on a real control plane, as tests: each starts a cluster, applies an
// overlay with kubectl as a person would, loads it, prints what happens as a table and ends with a result line. Everything
// is kept in build/e2e.
//
//	make e2e        all of them
//	make e2e-fast   backlog, stackdriver and http-rate, with smaller loads
package scenarios
