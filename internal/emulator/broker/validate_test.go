package broker_test

import (
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"spillway/internal/emulator/wire"
)

func expectRefusal(t *testing.T, err error, code codes.Code, field string) {
	t.Helper()
	if status.Code(err) != code || !strings.Contains(status.Convert(err).Message(), field) {
		t.Errorf("got %v, want %s with %q", err, code, field)
	}
}

func TestPublishRefusesWhatTheServiceRefuses(t *testing.T) {
	data := []byte("x")
	long := strings.Repeat("a", 1025)
	many := map[string]string{}
	for i := range 101 {
		many[strings.Repeat("k", i+1)] = "v"
	}
	for name, test := range map[string]struct {
		messages []*pubsubpb.PubsubMessage
		field    string
	}{
		"no messages":        {nil, "messages"},
		"1001 messages":      {repeat(&pubsubpb.PubsubMessage{Data: data}, 1001), "message_count"},
		"an empty message":   {[]*pubsubpb.PubsubMessage{{Data: data}, {OrderingKey: "k"}}, "empty"},
		"101 attributes":     {[]*pubsubpb.PubsubMessage{{Attributes: many}}, "attributes"},
		"a long name":        {[]*pubsubpb.PubsubMessage{{Attributes: map[string]string{long[:257]: ""}}}, "attributes key"},
		"a long value":       {[]*pubsubpb.PubsubMessage{{Attributes: map[string]string{"a": long}}}, "attributes value"},
		"an empty name":      {[]*pubsubpb.PubsubMessage{{Data: data, Attributes: map[string]string{"": "v"}}}, `message.attributes: ""`},
		"a reserved name":    {[]*pubsubpb.PubsubMessage{{Attributes: map[string]string{"a": "", "Google": "v"}}}, `attributes: "Google"`},
		"a delivery attempt": {[]*pubsubpb.PubsubMessage{{Attributes: map[string]string{"googclient_deliveryattempt": "5"}}}, "deliveryattempt"},
		"a long key":         {[]*pubsubpb.PubsubMessage{{Data: data, OrderingKey: long}}, "ordering_key"},
		"two ordering keys":  {[]*pubsubpb.PubsubMessage{{Data: data, OrderingKey: "a"}, {Data: data, OrderingKey: "b"}}, "ordering_key"},
		"10 MB and one byte": {[]*pubsubpb.PubsubMessage{{Data: make([]byte, 10_000_001)}}, "message_size"},
		"a request of 12 MB": {repeat(&pubsubpb.PubsubMessage{Data: make([]byte, 4_000_000)}, 3), "request_size"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			var messages []wire.Message
			for _, m := range test.messages {
				messages = append(messages, parse(t, m))
			}
			_, err := w.Publish(topicName, messages)
			expectRefusal(t, err, codes.InvalidArgument, test.field)
			if n := w.State().Topics[0].Sends[codes.InvalidArgument]; n != 1 {
				t.Errorf("%d refusals counted", n)
			}
		})
	}
}

func TestPublishAcceptsWhatIsJustAllowed(t *testing.T) {
	w := newWorld(t)
	w.publishMessage(topicName, &pubsubpb.PubsubMessage{Attributes: map[string]string{strings.Repeat("k", 256): strings.Repeat("v", 1024)}})
	w.publishMessage(topicName, &pubsubpb.PubsubMessage{Data: make([]byte, 10_000_000)})
	w.publishMessage(topicName, &pubsubpb.PubsubMessage{Attributes: map[string]string{
		"googclient_traceparent": "00-1-2-01", "googclient_tracestate": "a=b", "goo": "g", "a-goog": "v",
	}})
	var messages []wire.Message
	for _, m := range repeat(&pubsubpb.PubsubMessage{Data: []byte("x"), OrderingKey: strings.Repeat("k", 1024)}, 1000) {
		messages = append(messages, parse(t, m))
	}
	must(w.Publish(topicName, messages))(t)
	w.expectBacklog(1003)
}

func repeat(m *pubsubpb.PubsubMessage, n int) []*pubsubpb.PubsubMessage {
	list := make([]*pubsubpb.PubsubMessage, n)
	for i := range list {
		list[i] = m
	}
	return list
}

func TestSubscriptionsAreValidated(t *testing.T) {
	for name, test := range map[string]struct {
		edit  func(*pubsubpb.Subscription)
		code  codes.Code
		field string
	}{
		"malformed name":     {func(c *pubsubpb.Subscription) { c.Name = "billing" }, codes.InvalidArgument, "name"},
		"short id":           {func(c *pubsubpb.Subscription) { c.Name = "projects/p/subscriptions/ab" }, codes.InvalidArgument, "name"},
		"reserved id":        {func(c *pubsubpb.Subscription) { c.Name = "projects/p/subscriptions/google" }, codes.InvalidArgument, "goog"},
		"malformed topic":    {func(c *pubsubpb.Subscription) { c.Topic = "orders" }, codes.InvalidArgument, "topic"},
		"missing topic":      {func(c *pubsubpb.Subscription) { c.Topic = "projects/p/topics/other" }, codes.NotFound, "other"},
		"ack deadline":       {func(c *pubsubpb.Subscription) { c.AckDeadlineSeconds = 9 }, codes.InvalidArgument, "ack_deadline_seconds"},
		"long ack deadline":  {func(c *pubsubpb.Subscription) { c.AckDeadlineSeconds = 601 }, codes.InvalidArgument, "ack_deadline_seconds"},
		"retention":          {retention(9 * time.Minute), codes.InvalidArgument, "message_retention_duration"},
		"long retention":     {retention(32 * 24 * time.Hour), codes.InvalidArgument, "message_retention_duration"},
		"back-off":           {retry(0, 601*time.Second), codes.InvalidArgument, "retry_policy"},
		"back-off backwards": {retry(20*time.Second, 10*time.Second), codes.InvalidArgument, "retry_policy"},
		"filter":             {func(c *pubsubpb.Subscription) { c.Filter = "data = 1" }, codes.InvalidArgument, "filter"},
		"endpoint": {func(c *pubsubpb.Subscription) {
			c.PushConfig = &pubsubpb.PushConfig{PushEndpoint: "ftp://x"}
		}, codes.InvalidArgument, "push_endpoint"},
		"push exactly once": {func(c *pubsubpb.Subscription) {
			c.EnableExactlyOnceDelivery = true
			c.PushConfig = &pubsubpb.PushConfig{PushEndpoint: "http://x"}
		}, codes.InvalidArgument, "enable_exactly_once_delivery"},
		"attempts": {func(c *pubsubpb.Subscription) {
			c.DeadLetterPolicy = &pubsubpb.DeadLetterPolicy{DeadLetterTopic: topicName, MaxDeliveryAttempts: 4}
		}, codes.InvalidArgument, "max_delivery_attempts"},
		"dead-letter topic": {func(c *pubsubpb.Subscription) {
			c.DeadLetterPolicy = &pubsubpb.DeadLetterPolicy{DeadLetterTopic: deadName}
		}, codes.NotFound, "dead"},
		"bigquery": {func(c *pubsubpb.Subscription) {
			c.BigqueryConfig = &pubsubpb.BigQueryConfig{Table: "t"}
		}, codes.Unimplemented, "bigquery_config"},
		"storage": {func(c *pubsubpb.Subscription) {
			c.CloudStorageConfig = &pubsubpb.CloudStorageConfig{Bucket: "b"}
		}, codes.Unimplemented, "cloud_storage_config"},
		"existing": {func(*pubsubpb.Subscription) {}, codes.AlreadyExists, "billing"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			config := &pubsubpb.Subscription{Name: subName, Topic: topicName}
			test.edit(config)
			_, err := w.CreateSubscription(config)
			expectRefusal(t, err, test.code, test.field)
		})
	}
}

func TestTopicsAreValidated(t *testing.T) {
	w := newWorld(t)
	_, err := w.CreateTopic(&pubsubpb.Topic{Name: "orders"})
	expectRefusal(t, err, codes.InvalidArgument, "name")
	_, err = w.CreateTopic(&pubsubpb.Topic{Name: topicName})
	expectRefusal(t, err, codes.AlreadyExists, "orders")
	_, err = w.CreateTopic(&pubsubpb.Topic{Name: deadName, SchemaSettings: &pubsubpb.SchemaSettings{}})
	expectRefusal(t, err, codes.Unimplemented, "schema_settings")
	_, err = w.CreateTopic(&pubsubpb.Topic{Name: deadName, MessageRetentionDuration: durationpb.New(time.Second)})
	expectRefusal(t, err, codes.InvalidArgument, "message_retention_duration")
}

func TestDefaultsAreFilledIn(t *testing.T) {
	w := newWorld(t, func(c *pubsubpb.Subscription) { c.RetryPolicy = &pubsubpb.RetryPolicy{} })
	c := w.sub.Config()
	if c.GetAckDeadlineSeconds() != 10 || c.GetMessageRetentionDuration().AsDuration() != 7*24*time.Hour ||
		c.GetRetryPolicy().GetMinimumBackoff().AsDuration() != 10*time.Second ||
		c.GetRetryPolicy().GetMaximumBackoff().AsDuration() != 600*time.Second ||
		c.GetState() != pubsubpb.Subscription_ACTIVE || c.GetPushConfig() == nil {
		t.Errorf("configuration %v", c)
	}
}
