package main

import (
	"syscall"
	"testing"

	"cloud.google.com/go/pubsub/v2"
	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"

	"spillway/internal/pull"
	"spillway/internal/testenv"
)

// TestTakesThePushesOfTheOfficialEmulator holds the push path against a sender that is not ours.
func TestTakesThePushesOfTheOfficialEmulator(t *testing.T) {
	host := testenv.OfficialEmulator(t)
	const n = 500
	for _, tt := range []struct {
		name, project string
		config        *pubsubpb.PushConfig
	}{
		{"wrapped", "push-wrapped", &pubsubpb.PushConfig{}},
		{"without wrapper", "push-unwrapped", &pubsubpb.PushConfig{Wrapper: &pubsubpb.PushConfig_NoWrapper_{
			NoWrapper: &pubsubpb.PushConfig_NoWrapper{WriteMetadata: true},
		}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			target := newLedger(t)
			p := testenv.Start(t, nil, "--log-format=json", "--listen=127.0.0.1:0", "--project="+tt.project,
				"--subscription=offers", "--target="+target.URL, "--receive=push")
			tt.config.PushEndpoint = "http://" + p.Address(t) + "/push/offers"
			ids := pushFrom(t, host, tt.project, tt.config, n)
			target.wait(t, n)
			p.Signal(t, syscall.SIGTERM)
			if code := p.Wait(t); code != 0 {
				t.Errorf("exit %d: %s", code, p.Stderr())
			}
			target.expectEachOnce(t, ids)
		})
	}
}

// pushFrom makes a topic with a push subscription on the server and publishes n messages; it returns their IDs.
func pushFrom(t *testing.T, host, project string, config *pubsubpb.PushConfig, n int) []string {
	t.Helper()
	t.Setenv(pull.EmulatorVariable, host)
	client, err := pubsub.NewClient(t.Context(), project)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	topic := "projects/" + project + "/topics/offers"
	if _, err := client.TopicAdminClient.CreateTopic(t.Context(), &pubsubpb.Topic{Name: topic}); err != nil {
		t.Fatal(err)
	}
	_, err = client.SubscriptionAdminClient.CreateSubscription(t.Context(), &pubsubpb.Subscription{
		Name: "projects/" + project + "/subscriptions/offers", Topic: topic, AckDeadlineSeconds: 60, PushConfig: config,
	})
	if err != nil {
		t.Fatal(err)
	}
	return publishAll(t.Context(), t, client.Publisher(topic), n)
}
