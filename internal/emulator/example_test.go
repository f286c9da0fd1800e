package emulator_test

import (
	"context"
	"fmt"

	"cloud.google.com/go/pubsub/v2"
	"go.uber.org/zap"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"spillway/internal/emulator"
)

// A test that needs Pub/Sub runs an emulator on a free port and points the client at it.
func Example() {
	opts := emulator.DefaultOptions()
	opts.Listen = "127.0.0.1:0"
	opts.Create = []string{"offers:offers-v1"}
	app, err := emulator.New(opts, zap.NewNop())
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- app.Run(ctx) }()
	defer func() {
		stop()
		if err := <-ended; err != nil {
			fmt.Println(err)
		}
	}()

	client, err := pubsub.NewClient(ctx, "demo", option.WithEndpoint(app.Addr()), option.WithoutAuthentication(),
		option.WithGRPCDialOption(grpc.WithTransportCredentials(insecure.NewCredentials())))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = client.Close() }()
	publisher := client.Publisher("offers")
	defer publisher.Stop()
	if _, err := publisher.Publish(ctx, &pubsub.Message{Data: []byte("hello")}).Get(ctx); err != nil {
		fmt.Println(err)
		return
	}

	receiving, enough := context.WithCancel(ctx)
	err = client.Subscriber("offers-v1").Receive(receiving, func(_ context.Context, m *pubsub.Message) {
		fmt.Println(string(m.Data))
		m.Ack()
		enough()
	})
	if err != nil {
		fmt.Println(err)
	}
	// Output: hello
}
