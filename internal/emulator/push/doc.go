// Package push delivers the messages of push subscriptions: it POSTs each to the subscription's endpoint and settles it by
// the answer, as the service does.
//
// 102, 200, 201, 202 and 204 acknowledge; every other answer, and none within the ack deadline, is a nack. Requests run side
// by side in a window that doubles with success, up to 100, and halves with failure; while deliveries fail, the next ones
// wait, from 100 ms, doubling, up to 60 s. Requests carry an OIDC token when the
// configuration asks for one, signed with the emulator's own key.
package push
