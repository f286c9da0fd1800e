// Package filter reads Pub/Sub's subscription filter language and evaluates it on a message's attributes.
package filter
