// Package store joins updates to products in an embedded database, and remembers which products have to be sent on.
package store
