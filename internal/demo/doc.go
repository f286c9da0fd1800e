// Package demo is the local show: the real programs as processes, a day's load in minutes, a HorizontalPodAutoscaler
// that starts and stops workers, and a ledger outside of them that knows what was lost.
//
//	load -> emulator -> workers -> ledger          every message, by its ID
//	        emulator -> exporter -> autoscaler     the backlog, as late as Monitoring tells it
//	                     autoscaler -> workers     2 to 20 processes
package demo
