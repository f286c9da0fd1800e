package main

import (
	"bytes"
	"strings"
	"testing"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"google.golang.org/protobuf/proto"
)

func TestAcknowledgeNamesEveryMessage(t *testing.T) {
	response, err := proto.Marshal(&pubsubpb.StreamingPullResponse{
		ReceivedMessages: []*pubsubpb.ReceivedMessage{
			{AckId: "first", Message: &pubsubpb.PubsubMessage{Data: []byte("a")}},
			{AckId: strings.Repeat("x", 200), Message: &pubsubpb.PubsubMessage{Data: []byte("b")}, DeliveryAttempt: 3},
		},
		SubscriptionProperties: &pubsubpb.StreamingPullResponse_SubscriptionProperties{MessageOrderingEnabled: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	request, n, err := acknowledge(response)
	if err != nil || n != 2 {
		t.Fatalf("acknowledged %d, %v", n, err)
	}
	var got pubsubpb.StreamingPullRequest
	if err := proto.Unmarshal(request, &got); err != nil {
		t.Fatal(err)
	}
	want := &pubsubpb.StreamingPullRequest{AckIds: []string{"first", strings.Repeat("x", 200)}}
	if !proto.Equal(&got, want) {
		t.Errorf("the request is %v", &got)
	}
	if _, _, err := acknowledge(response[:len(response)-1]); err == nil {
		t.Error("a response that is cut off is no error")
	}
}

func TestFlatnessIsTheSlowestRateByTheFastest(t *testing.T) {
	for name, test := range map[string]struct {
		open, drains [4]float64 // at 1k, 10k, 100k, 1m
		want, drain  float64
	}{
		"flat":                  {[4]float64{100, 100, 100, 100}, [4]float64{100, 100, 100, 100}, 1, 1},
		"slow at the start":     {[4]float64{50, 100, 200, 200}, [4]float64{100, 100, 100, 100}, 0.25, 1},
		"slow at the end":       {[4]float64{100, 100, 200, 100}, [4]float64{100, 80, 80, 80}, 0.5, 0.8},
		"slowest in the middle": {[4]float64{100, 25, 100, 100}, [4]float64{10, 100, 100, 100}, 0.25, 0.1},
	} {
		t.Run(name, func(t *testing.T) {
			b := &bench{out: &bytes.Buffer{}}
			for i, size := range b.sizes() {
				b.add(flatnessRow(size.name), test.open[i], "msgs/s")
				b.add(streamRow(size.name), test.drains[i], "msgs/s")
			}
			b.addFlatness()
			if got := b.rows.Value("emulator_stream_flatness_1k_to_1m"); got != test.want {
				t.Errorf("flatness %v, want %v", got, test.want)
			}
			if got := b.rows.Value("emulator_drain_slowest_to_fastest"); got != test.drain {
				t.Errorf("drains' slowest to fastest %v, want %v", got, test.drain)
			}
		})
	}
}
