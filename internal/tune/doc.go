// Package tune is the app behind `spillway tune` and `spillway replay`: it plays a flow's arrivals through the simulator with the autoscaler that
// there is, the best one on raw backlog and those on desired replicas, and says which to take and why.
package tune
