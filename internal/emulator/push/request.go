package push

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"golang.org/x/net/http/httpguts"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"spillway/internal/emulator/broker"
)

// wrapped is the body of a push request: the message in both spellings of its id and time, as the service sends them.
type wrapped struct {
	Message struct {
		Attributes   map[string]string `json:"attributes,omitempty"`
		Data         []byte            `json:"data,omitempty"`
		MessageID    string            `json:"messageId"`
		MessageID2   string            `json:"message_id"`
		OrderingKey  string            `json:"orderingKey,omitempty"`
		PublishTime  string            `json:"publishTime"`
		PublishTime2 string            `json:"publish_time"`
	} `json:"message"`
	Subscription    string `json:"subscription"`
	DeliveryAttempt int32  `json:"deliveryAttempt,omitempty"`
}

// newRequest makes the request that delivers a message, wrapped unless the configuration says otherwise.
func newRequest(ctx context.Context, c *pubsubpb.Subscription, d broker.Delivery) (*http.Request, error) {
	var m pubsubpb.PubsubMessage
	if err := proto.Unmarshal(d.Body, &m); err != nil {
		return nil, fmt.Errorf("decoding a stored message: %w", err)
	}
	m.MessageId = strconv.FormatUint(d.ID, 10)
	if c.GetPushConfig().GetNoWrapper() != nil {
		return unwrappedRequest(ctx, c, &m, d)
	}
	return wrappedRequest(ctx, c, &m, d)
}

func wrappedRequest(
	ctx context.Context, c *pubsubpb.Subscription, m *pubsubpb.PubsubMessage, d broker.Delivery,
) (*http.Request, error) {
	w := wrapped{Subscription: c.GetName(), DeliveryAttempt: d.Attempt}
	w.Message.Attributes, w.Message.Data, w.Message.OrderingKey = m.GetAttributes(), m.GetData(), m.GetOrderingKey()
	w.Message.MessageID, w.Message.MessageID2 = m.GetMessageId(), m.GetMessageId()
	w.Message.PublishTime = stamp(d)
	w.Message.PublishTime2 = w.Message.PublishTime
	body, err := json.Marshal(w)
	if err != nil {
		return nil, fmt.Errorf("encoding a push body: %w", err)
	}
	return post(ctx, c, body, "application/json")
}

func unwrappedRequest(
	ctx context.Context, c *pubsubpb.Subscription, m *pubsubpb.PubsubMessage, d broker.Delivery,
) (*http.Request, error) {
	req, err := post(ctx, c, m.GetData(), "")
	if err != nil || !c.GetPushConfig().GetNoWrapper().GetWriteMetadata() {
		return req, err
	}
	for name, value := range m.GetAttributes() {
		if httpguts.ValidHeaderFieldName(name) && httpguts.ValidHeaderFieldValue(value) {
			req.Header.Set(name, value)
		}
	}
	req.Header.Set("X-Goog-Pubsub-Subscription-Name", c.GetName())
	req.Header.Set("X-Goog-Pubsub-Message-Id", m.GetMessageId())
	req.Header.Set("X-Goog-Pubsub-Publish-Time", stamp(d))
	if key := m.GetOrderingKey(); key != "" && httpguts.ValidHeaderFieldValue(key) {
		req.Header.Set("X-Goog-Pubsub-Ordering-Key", key)
	}
	return req, nil
}

func post(ctx context.Context, c *pubsubpb.Subscription, body []byte, contentType string) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.GetPushConfig().GetPushEndpoint(), bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("making a push request: %w", err)
	}
	req.Header.Set("User-Agent", "spillway-emulator-push")
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	return req, nil
}

// stamp is the publish time as protobuf's JSON mapping writes it.
func stamp(d broker.Delivery) string {
	quoted, err := protojson.Marshal(timestamppb.New(time.Unix(0, d.Published)))
	if err != nil { // the year has more than four digits
		return ""
	}
	return strings.Trim(string(quoted), `"`)
}
