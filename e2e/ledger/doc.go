// Package ledger proves that every message was handled, and how often, from outside of all that is looked at: the
// publisher notes the IDs that Pub/Sub gave to the messages, and the app behind each worker reports every message that it
// has worked on before it answers. What a worker, a drain or the emulator loses or repeats shows here.
package ledger
