// Package sender sends complete products to the Content API, in batches, at a bounded rate, until it takes them.
package sender
