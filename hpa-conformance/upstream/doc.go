// Package upstream drives Kubernetes' own HorizontalController, whole, through scenes: its New and Run, between clients of the API that answer from
// the scene of the moment. It must run inside a bubble of testing/synctest, where the controller's fifteen seconds take none.
package upstream
