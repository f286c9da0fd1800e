package conformance_test

import (
	"fmt"
	"strings"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
)

// codeCases are calls that the service refuses, or must not, each on a topic with one subscription.
func codeCases() []testCase {
	const rpc = "reference/rpc/google.pubsub.v1#"
	on := func(call func(w *world) error) func(*world) string {
		return func(w *world) string { w.setUp(); return code(call(w)) }
	}
	publish := func(messages ...*pubsubpb.PubsubMessage) func(*world) string {
		return on(func(w *world) error { _, err := w.tryPublish(messages...); return err })
	}
	attributes := func(n int, name, value string) *pubsubpb.PubsubMessage {
		m := &pubsubpb.PubsubMessage{Data: []byte("x"), Attributes: map[string]string{}}
		for i := range n {
			m.Attributes[fmt.Sprint(name, i)] = value
		}
		return m
	}
	named := func(name string) *pubsubpb.PubsubMessage {
		return &pubsubpb.PubsubMessage{Data: []byte("x"), Attributes: map[string]string{name: "b"}}
	}
	subscribe := func(edit func(*pubsubpb.Subscription)) func(*world) string {
		return on(func(w *world) error {
			w.sub += "-2"
			_, err := w.subscribe(edit)
			return err
		})
	}
	update := func(edit func(*pubsubpb.Subscription), paths ...string) func(*world) string {
		return on(func(w *world) error {
			config := &pubsubpb.Subscription{Name: w.sub}
			edit(config)
			_, err := w.client.SubscriptionAdminClient.UpdateSubscription(w.bounded(), &pubsubpb.UpdateSubscriptionRequest{
				Subscription: config, UpdateMask: &fieldmaskpb.FieldMask{Paths: paths},
			})
			return err
		})
	}
	const bad, limits = "InvalidArgument", "quotas#resource_limits"
	return []testCase{
		{name: "publishing 1,001 messages at once", documented: bad, source: limits, observe: publish(numbered(1001, "")...)},
		{name: "publishing 1,000 messages at once", documented: "OK", source: limits, observe: publish(numbered(1000, "")...)},
		{name: "publishing nothing", documented: bad, source: rpc + "publishrequest", observe: publish()},
		{name: "publishing an empty message", documented: bad, source: "publisher", observe: publish(&pubsubpb.PubsubMessage{})},
		{name: "publishing more than 10 MB", documented: bad, official: "OK", source: limits, observe: publish(texts(strings.Repeat("x", 10_000_001))...)},
		{name: "publishing 100 attributes", documented: "OK", source: limits, observe: publish(attributes(100, "a", "b"))},
		{name: "publishing 101 attributes", documented: bad, official: "OK", source: limits, observe: publish(attributes(101, "a", "b"))},
		{
			name: "publishing an attribute's name of 257 bytes", documented: bad, official: "OK", source: limits,
			observe: publish(attributes(1, strings.Repeat("a", 256), "b")),
		},
		{
			name: "publishing an attribute's value of 1,025 bytes", documented: bad, official: "OK", source: limits,
			observe: publish(attributes(1, "a", strings.Repeat("b", 1025))),
		},
		{
			name: "publishing an attribute without a name", documented: bad, official: "OK", source: "publisher",
			observe: publish(named("")),
		},
		{
			name: "publishing an attribute's name that begins with Goog", documented: bad, official: "OK", source: "publisher",
			observe: publish(named("Google")),
		},
		{
			name: "publishing a trace context", documented: "OK", source: "open-telemetry-tracing",
			observe: publish(named("googclient_traceparent")),
		},
		{
			name: "publishing an ordering key of 1,025 bytes", documented: bad, official: "OK", source: "ordering",
			observe: publish(numbered(1, strings.Repeat("k", 1025))...),
		},
		{
			name: "publishing to a topic that is not there", documented: "NotFound", source: "reference/error-codes",
			observe: on(func(w *world) error { w.topic += "-2"; _, err := w.tryPublish(texts("x")...); return err }),
		},

		{name: "making a topic twice", documented: "AlreadyExists", source: "reference/error-codes", observe: on(func(w *world) error {
			_, err := w.client.TopicAdminClient.CreateTopic(w.bounded(), &pubsubpb.Topic{Name: w.topic})
			return err
		})},
		{
			name: "making a topic whose ID begins with goog", documented: bad, source: "pubsub-basics#resource_names",
			observe: on(func(w *world) error {
				_, err := w.client.TopicAdminClient.CreateTopic(w.bounded(), &pubsubpb.Topic{Name: "projects/" + w.project + "/topics/goog-x"})
				return err
			}),
		},
		{
			name: "making a topic whose ID has two letters", documented: bad, source: "pubsub-basics#resource_names",
			observe: on(func(w *world) error {
				_, err := w.client.TopicAdminClient.CreateTopic(w.bounded(), &pubsubpb.Topic{Name: "projects/" + w.project + "/topics/ab"})
				return err
			}),
		},
		{name: "getting a topic that is not there", documented: "NotFound", source: "reference/error-codes", observe: on(func(w *world) error {
			_, err := w.client.TopicAdminClient.GetTopic(w.bounded(), &pubsubpb.GetTopicRequest{Topic: w.topic + "-2"})
			return err
		})},
		{name: "updating a topic without a mask", documented: bad, source: rpc + "updatetopicrequest", observe: on(func(w *world) error {
			_, err := w.client.TopicAdminClient.UpdateTopic(w.bounded(), &pubsubpb.UpdateTopicRequest{Topic: &pubsubpb.Topic{Name: w.topic}})
			return err
		})},

		{
			name: "making a subscription twice", documented: "AlreadyExists", source: "reference/error-codes",
			observe: on(func(w *world) error { _, err := w.subscribe(); return err }),
		},
		{
			name: "subscribing to a topic that is not there", documented: "NotFound", source: "reference/error-codes",
			observe: subscribe(func(c *pubsubpb.Subscription) { c.Topic += "-2" }),
		},
		{
			name: "an ack deadline of 9 s", documented: bad, official: "OK", source: rpc + "subscription",
			observe: subscribe(func(c *pubsubpb.Subscription) { c.AckDeadlineSeconds = 9 }),
		},
		{
			name: "an ack deadline of 601 s", documented: bad, source: rpc + "subscription",
			observe: subscribe(func(c *pubsubpb.Subscription) { c.AckDeadlineSeconds = 601 }),
		},
		{
			name: "a message retention of 9 min", documented: bad, source: rpc + "subscription",
			observe: subscribe(func(c *pubsubpb.Subscription) { c.MessageRetentionDuration = durationpb.New(9 * 60e9) }),
		},
		{
			name: "4 delivery attempts until the dead-letter topic", documented: bad, official: "OutOfRange", source: "dead-letter-topics",
			observe: subscribe(func(c *pubsubpb.Subscription) {
				c.DeadLetterPolicy = &pubsubpb.DeadLetterPolicy{DeadLetterTopic: c.GetTopic(), MaxDeliveryAttempts: 4}
			}),
		},
		{
			name: "a filter that cannot be parsed", documented: bad, official: "OK", source: "subscription-message-filter",
			observe: subscribe(func(c *pubsubpb.Subscription) { c.Filter = `attributes.tier = ` }),
		},
		{
			name: "a retry back-off of 601 s", documented: bad, source: rpc + "retrypolicy",
			observe: subscribe(func(c *pubsubpb.Subscription) {
				c.RetryPolicy = &pubsubpb.RetryPolicy{MaximumBackoff: durationpb.New(601e9)}
			}),
		},
		{
			name: "changing a subscription's filter", documented: bad, source: "subscription-message-filter",
			observe: update(func(c *pubsubpb.Subscription) { c.Filter = `attributes:x` }, "filter"),
		},
		{
			name: "changing a subscription's topic", documented: bad, source: "subscription-properties",
			observe: update(func(c *pubsubpb.Subscription) { c.Topic = "projects/p/topics/other" }, "topic"),
		},
		{
			name: "changing a field that is not there", documented: bad, source: rpc + "updatesubscriptionrequest",
			observe: update(func(*pubsubpb.Subscription) {}, "nonsense"),
		},
		{
			name: "updating a subscription without a mask", documented: bad, source: rpc + "updatesubscriptionrequest",
			observe: update(func(*pubsubpb.Subscription) {}),
		},

		{name: "pulling 0 messages", documented: bad, source: rpc + "pullrequest", observe: on(func(w *world) error {
			_, err := w.client.SubscriptionAdminClient.Pull(w.bounded(), &pubsubpb.PullRequest{Subscription: w.sub})
			return err
		})},
		{
			name: "pulling from a subscription that is not there", documented: "NotFound", source: "reference/error-codes",
			observe: on(func(w *world) error {
				_, err := w.client.SubscriptionAdminClient.Pull(w.bounded(),
					&pubsubpb.PullRequest{Subscription: w.sub + "-2", MaxMessages: 1})
				return err
			}),
		},
		{
			name: "acknowledging a malformed ack id", documented: bad, source: rpc + "streamingpullrequest",
			observe: on(func(w *world) error { return w.ack("no ack id") }),
		},
		{
			name: "acknowledging nothing", documented: bad, source: rpc + "acknowledgerequest",
			observe: on(func(w *world) error { return w.ack() }),
		},
		{
			name: "moving an ack deadline to 601 s", documented: bad, official: "OK", source: rpc + "modifyackdeadlinerequest",
			observe: func(w *world) string {
				w.setUp()
				w.publish(texts("x")...)
				return code(w.modify(601, w.pullOne().GetAckId()))
			},
		},
		{name: "seeking to nowhere", documented: bad, source: rpc + "seekrequest", observe: on(func(w *world) error {
			_, err := w.client.SubscriptionAdminClient.Seek(w.bounded(), &pubsubpb.SeekRequest{Subscription: w.sub})
			return err
		})},
	}
}
