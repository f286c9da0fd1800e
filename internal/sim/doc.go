// Package sim replays a flow in virtual time, second by second: arrivals, pods, Cloud Monitoring's late samples, scrapes with their noise, the law
// of package nowcast and the autoscaler of package hpa. It is pure, and the same [Setup] gives the same [Outcome] to the last digit.
//
// Messages are a fluid that every ready pod drains at its capacity, oldest first unless the setup says otherwise. Not modelled: nodes that must be
// added first, redeliveries, leases, and the drain of a pod that ends (it is gone at once, with what it had not been asked about).
package sim
