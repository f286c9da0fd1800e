// Package doctor asks every link of the chain from a subscription to its pods how it is, and says in plain words what is
// wrong and what to do about it.
//
//	credentials ── project ── subscription ── permissions ── samples        Google Cloud
//	                                                            │
//	autoscaler ── metric ── selector ── apiservice ── reading ── exporter   how the number gets to the autoscaler
//	    └──────── conditions ── pods ── workers                             what the autoscaler makes of it
//
// It only reads. What is fetched lies behind small interfaces; what it means is for pure functions to judge.
package doctor
