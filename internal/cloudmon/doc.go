// Package cloudmon reads Pub/Sub's backlog from Cloud Monitoring: filters, one call per metric and project, decoding,
// back-off. It knows the protocol and its quotas; what a sample means now is for others to say.
package cloudmon
