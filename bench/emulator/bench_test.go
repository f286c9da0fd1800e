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

func TestFlatnessIsTheWorstSlowdownWithAGrowingBacklog(t *testing.T) {
	for name, test := range map[string]struct {
		rates        []float64 // at 1k, 10k, 100k, 1m
		want, spread float64
	}{
		"flat":                           {[]float64{100, 100, 100, 100}, 1, 1},
		"slow at the start is no growth": {[]float64{50, 100, 200, 200}, 1, 0.25},
		"half as fast at the end":        {[]float64{100, 100, 200, 100}, 0.5, 0.5},
		"slowest in the middle":          {[]float64{100, 25, 100, 100}, 0.25, 0.25},
	} {
		t.Run(name, func(t *testing.T) {
			b := &bench{out: &bytes.Buffer{}}
			for i, size := range []string{"1k", "10k", "100k", "1m"} {
				b.add(streamRow(size), test.rates[i], "msgs/s")
			}
			b.addFlatness()
			if got := b.rows.Value("emulator_stream_flatness_1k_to_1m"); got != test.want {
				t.Errorf("flatness %v, want %v", got, test.want)
			}
			if got := b.rows.Value("emulator_stream_slowest_to_fastest"); got != test.spread {
				t.Errorf("slowest to fastest %v, want %v", got, test.spread)
			}
		})
	}
}
