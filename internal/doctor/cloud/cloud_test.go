package cloud_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	pubsubv1 "cloud.google.com/go/pubsub/v2/apiv1"
	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"spillway/internal/adc"
	"spillway/internal/backlog"
	"spillway/internal/doctor/cloud"
	"spillway/internal/emulator"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start runs an emulator with the subscription offers and one that pushes.
func start(t *testing.T) (address string) {
	t.Helper()
	o := emulator.DefaultOptions()
	o.Listen, o.Project, o.Create, o.TuneMemory = "127.0.0.1:0", "shop", []string{"events:offers"}, false
	app, err := emulator.New(o, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- app.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	conn, err := grpc.NewClient(app.Addr(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	admin, err := pubsubv1.NewSubscriptionAdminClient(t.Context(), option.WithGRPCConn(conn))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = admin.Close() }()
	_, err = admin.CreateSubscription(t.Context(), &pubsubpb.Subscription{
		Name: "projects/shop/subscriptions/pushed", Topic: "projects/shop/topics/events",
		PushConfig: &pubsubpb.PushConfig{PushEndpoint: "http://127.0.0.1:1/"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return app.Addr()
}

func TestDescribe(t *testing.T) {
	c, err := cloud.Dial(t.Context(), cloud.Options{Endpoint: start(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	tests := []struct {
		id   string
		want cloud.Subscription
		code codes.Code
	}{
		{"offers", cloud.Subscription{Topic: "projects/shop/topics/events"}, codes.OK},
		{"pushed", cloud.Subscription{Topic: "projects/shop/topics/events", Push: true}, codes.OK},
		{"nosuch", cloud.Subscription{}, codes.NotFound},
	}
	for _, tt := range tests {
		got, err := c.Describe(t.Context(), backlog.Subscription{Project: "shop", ID: tt.id})
		if got != tt.want || status.Code(err) != tt.code {
			t.Errorf("%s: %+v, %v", tt.id, got, err)
		}
	}
}

func TestGranted(t *testing.T) {
	c, err := cloud.Dial(t.Context(), cloud.Options{Endpoint: start(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	ask := []string{"pubsub.subscriptions.consume", "pubsub.subscriptions.get"}
	if got, err := c.Granted(t.Context(), backlog.Subscription{Project: "shop", ID: "offers"}, ask); !slices.Equal(got, ask) || err != nil {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := c.Granted(t.Context(), backlog.Subscription{Project: "shop", ID: "nosuch"}, ask); status.Code(err) != codes.NotFound {
		t.Errorf("of a subscription that is not there: %v", err)
	}
	if c.Project() != "" {
		t.Errorf("an emulator has the project %s", c.Project())
	}
}

func TestWithoutCredentials(t *testing.T) {
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", "/nonexistent/key.json")
	for _, endpoint := range []string{"", "https://pubsub.example.com"} {
		if _, err := cloud.Dial(t.Context(), cloud.Options{Endpoint: endpoint, Universe: "example.com"}); !errors.Is(err, adc.ErrMissing) {
			t.Errorf("%q: %v", endpoint, err)
		}
	}
}
