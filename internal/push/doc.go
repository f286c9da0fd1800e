// Package push takes Pub/Sub's push deliveries over HTTP and answers them with what became of the message. It knows no handler.
package push
