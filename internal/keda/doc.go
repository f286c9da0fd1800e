// Package keda speaks the protocol by which KEDA asks external scalers, over the board: for clusters in which KEDA owns
// the external metrics API, and for scaling from zero.
//
//	ScaledObject ── KEDA ── gRPC ── trigger (metadata) ── board ── value, or an error: never 0 for what is unknown
//
// The protocol is described here in our own words and understood at run time. It is seven small messages, so generated
// code and the compiler that generates it would be the larger part; and nothing is registered globally, where the same
// file of another module would clash with it.
package keda
