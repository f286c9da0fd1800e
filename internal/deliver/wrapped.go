package deliver

import (
	"bytes"
	"encoding/json"
	"time"

	"spillway/internal/backlog"
)

// pushRequest is Pub/Sub's wrapped push body, https://cloud.google.com/pubsub/docs/push#receive_push. The service
// sends the message's ID and time under both spellings; endpoints read one or the other.
type pushRequest struct {
	Message         pushMessage `json:"message"`
	Subscription    string      `json:"subscription"`
	DeliveryAttempt int         `json:"deliveryAttempt,omitempty"`
}

type pushMessage struct {
	Attributes   map[string]string `json:"attributes,omitempty"`
	Data         []byte            `json:"data,omitempty"` // base64 by encoding/json
	MessageID    string            `json:"messageId"`
	MessageID2   string            `json:"message_id"`
	PublishTime  string            `json:"publishTime"`
	PublishTime2 string            `json:"publish_time"`
	OrderingKey  string            `json:"orderingKey,omitempty"`
}

// wrap returns the push body of m.
func wrap(m *backlog.Message, subscription backlog.Subscription) ([]byte, error) {
	published := timestamp(m.PublishTime)
	var body bytes.Buffer
	body.Grow(len(m.Data)*4/3 + 512)
	enc := json.NewEncoder(&body)
	enc.SetEscapeHTML(false)
	err := enc.Encode(pushRequest{
		Message: pushMessage{
			Attributes: m.Attributes.Map(), Data: m.Data, MessageID: m.ID, MessageID2: m.ID,
			PublishTime: published, PublishTime2: published, OrderingKey: m.OrderingKey,
		},
		Subscription: subscription.String(), DeliveryAttempt: m.DeliveryAttempt,
	})
	return body.Bytes(), err
}

// timestamp writes t as protobuf's JSON mapping does: UTC with 0, 3, 6 or 9 digits after the second.
func timestamp(t time.Time) string {
	t = t.UTC()
	switch ns := t.Nanosecond(); {
	case ns == 0:
		return t.Format("2006-01-02T15:04:05Z")
	case ns%1e6 == 0:
		return t.Format("2006-01-02T15:04:05.000Z")
	case ns%1e3 == 0:
		return t.Format("2006-01-02T15:04:05.000000Z")
	default:
		return t.Format("2006-01-02T15:04:05.000000000Z")
	}
}
