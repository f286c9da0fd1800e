package conformance_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"

	"cloud.google.com/go/iam/apiv1/iampb"
	vkit "cloud.google.com/go/pubsub/v2/apiv1"
	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"google.golang.org/api/iterator"
	"google.golang.org/api/option"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
)

func adminCases() []testCase {
	const rpc = "reference/rpc/google.pubsub.v1#"
	return []testCase{
		{
			name:       "what a subscription is when nothing is said",
			documented: "deadline 10 s, retention 168h0m0s, expires after 744h0m0s, active", official: "deadline 10 s, retention 168h0m0s, expires after 0s, state_unspecified", source: "subscription-properties",
			observe: defaultsOfASubscription,
		},
		{
			name:       "a topic that is deleted",
			documented: "its subscription stays, with topic _deleted-topic_ and its messages", source: "delete-topic", observe: deletedTopic,
		},
		{name: "lists in pages", documented: "5 topics in name's order, 5 subscriptions", source: rpc + "listtopicsrequest", observe: pages},
		{
			name: "updating a subscription by its mask", documented: "deadline 30 s, labels kept", source: rpc + "updatesubscriptionrequest",
			observe: updatedByMask,
		},
		{
			name: "a detached subscription", documented: "pulls: FailedPrecondition, messages gone, detached: true", official: "detaching: Unimplemented", source: "detach-subscriptions",
			observe: detached,
		},
		{name: "testing permissions", documented: "all that the caller has", official: "Unimplemented", source: "access-control", observe: permissions},
		{name: "a schema", documented: "OK", spillway: "Unimplemented", source: "schemas", observe: schema},
		{
			name: "REST by the API's HTTP annotations", documented: "topic 200, publish 200, pull 200 with the message, unknown 404 NOT_FOUND",
			source: "reference/rest", observe: rest,
		},
	}
}

func defaultsOfASubscription(w *world) string {
	w.setUp()
	c, err := w.client.SubscriptionAdminClient.GetSubscription(w.bounded(), &pubsubpb.GetSubscriptionRequest{Subscription: w.sub})
	w.must(err)
	return fmt.Sprintf("deadline %d s, retention %s, expires after %s, %s", c.GetAckDeadlineSeconds(),
		c.GetMessageRetentionDuration().AsDuration(), c.GetExpirationPolicy().GetTtl().AsDuration(), strings.ToLower(c.GetState().String()))
}

func deletedTopic(w *world) string {
	w.setUp()
	w.publish(texts("kept")...)
	w.must(w.client.TopicAdminClient.DeleteTopic(w.bounded(), &pubsubpb.DeleteTopicRequest{Topic: w.topic}))
	c, err := w.client.SubscriptionAdminClient.GetSubscription(w.bounded(), &pubsubpb.GetSubscriptionRequest{Subscription: w.sub})
	w.must(err)
	if got := string(w.pullOne().GetMessage().GetData()); got != "kept" {
		return "the message is " + got
	}
	return "its subscription stays, with topic " + c.GetTopic() + " and its messages"
}

func pages(w *world) string {
	w.setUp()
	for i := range 4 {
		_, err := w.client.TopicAdminClient.CreateTopic(w.bounded(), &pubsubpb.Topic{Name: fmt.Sprintf("%s-%d", w.topic, i)})
		w.must(err)
		w.sub = fmt.Sprintf("projects/%s/subscriptions/billing-%d", w.project, i)
		_, err = w.subscribe()
		w.must(err)
	}
	var topics []string
	list := w.client.TopicAdminClient.ListTopics(w.bounded(), &pubsubpb.ListTopicsRequest{Project: "projects/" + w.project, PageSize: 2})
	for {
		topic, err := list.Next()
		if err == iterator.Done { //nolint:errorlint // documented to be compared
			break
		}
		w.must(err)
		topics = append(topics, strings.TrimPrefix(topic.GetName(), w.topic))
	}
	subs := 0
	names := w.client.TopicAdminClient.ListTopicSubscriptions(w.bounded(),
		&pubsubpb.ListTopicSubscriptionsRequest{Topic: w.topic, PageSize: 2})
	for {
		_, err := names.Next()
		if err == iterator.Done { //nolint:errorlint // documented to be compared
			break
		}
		w.must(err)
		subs++
	}
	if order := strings.Join(topics, " "); order != " -0 -1 -2 -3" {
		return "the topics come as" + order
	}
	return fmt.Sprintf("%d topics in name's order, %d subscriptions", len(topics), subs)
}

func updatedByMask(w *world) string {
	w.setUp(func(c *pubsubpb.Subscription) { c.Labels = map[string]string{"team": "a"} })
	c, err := w.client.SubscriptionAdminClient.UpdateSubscription(w.bounded(), &pubsubpb.UpdateSubscriptionRequest{
		Subscription: &pubsubpb.Subscription{Name: w.sub, AckDeadlineSeconds: 30, Labels: map[string]string{"team": "b"}},
		UpdateMask:   &fieldmaskpb.FieldMask{Paths: []string{"ack_deadline_seconds"}},
	})
	w.must(err)
	if c.GetLabels()["team"] != "a" {
		return fmt.Sprint("labels ", c.GetLabels())
	}
	return fmt.Sprintf("deadline %d s, labels kept", c.GetAckDeadlineSeconds())
}

func detached(w *world) string {
	w.setUp()
	w.publish(texts("lost")...)
	_, err := w.client.TopicAdminClient.DetachSubscription(w.bounded(), &pubsubpb.DetachSubscriptionRequest{Subscription: w.sub})
	if err != nil {
		return "detaching: " + code(err)
	}
	_, err = w.client.SubscriptionAdminClient.Pull(w.bounded(), &pubsubpb.PullRequest{Subscription: w.sub, MaxMessages: 1})
	c, getErr := w.client.SubscriptionAdminClient.GetSubscription(w.bounded(), &pubsubpb.GetSubscriptionRequest{Subscription: w.sub})
	w.must(getErr)
	return fmt.Sprintf("pulls: %s, messages gone, detached: %v", code(err), c.GetDetached())
}

func permissions(w *world) string {
	w.setUp()
	ask := []string{"pubsub.topics.get", "pubsub.topics.publish"}
	res, err := iampb.NewIAMPolicyClient(w.conn).TestIamPermissions(w.bounded(),
		&iampb.TestIamPermissionsRequest{Resource: w.topic, Permissions: ask})
	switch {
	case err != nil:
		return code(err)
	case len(res.GetPermissions()) == len(ask):
		return "all that the caller has"
	}
	return fmt.Sprint(res.GetPermissions())
}

func schema(w *world) string {
	client, err := vkit.NewSchemaClient(w.bounded(), option.WithGRPCConn(w.conn))
	w.must(err)
	_, err = client.CreateSchema(w.bounded(), &pubsubpb.CreateSchemaRequest{
		Parent: "projects/" + w.project, SchemaId: "record",
		Schema: &pubsubpb.Schema{
			Type: pubsubpb.Schema_AVRO, Definition: `{"type":"record","name":"R","fields":[{"name":"a","type":"string"}]}`,
		},
	})
	return code(err)
}

func rest(w *world) string {
	w.setUp()
	call := func(method, path, body string) (string, string) {
		req, err := http.NewRequestWithContext(w.bounded(), method, "http://"+w.addr+"/v1/"+path, strings.NewReader(body))
		w.must(err)
		req.Header.Set("Content-Type", "application/json")
		req.Close = true
		res, err := http.DefaultClient.Do(req)
		w.must(err)
		defer func() { _ = res.Body.Close() }()
		text, err := io.ReadAll(res.Body)
		w.must(err)
		return fmt.Sprint(res.StatusCode), string(text)
	}
	topic, _ := call(http.MethodGet, w.topic, "")
	publish, _ := call(http.MethodPost, w.topic+":publish", `{"messages":[{"data":"aGVsbG8="}]}`)
	pull, pulled := call(http.MethodPost, w.sub+":pull", `{"maxMessages":1}`)
	if !strings.Contains(pulled, "aGVsbG8=") || !strings.Contains(pulled, "ackId") {
		return "pulled " + pulled
	}
	unknown, body := call(http.MethodGet, w.topic+"-2", "")
	if strings.Contains(body, "NOT_FOUND") {
		unknown += " NOT_FOUND"
	}
	return fmt.Sprintf("topic %s, publish %s, pull %s with the message, unknown %s", topic, publish, pull, unknown)
}
