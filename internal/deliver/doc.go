// Package deliver takes a message to whoever handles it and reads the verdict: an HTTP target in any language, or
// synthetic work for tests and load. It knows nothing of leases or acks.
package deliver
