package wire_test

import (
	"errors"
	"maps"
	"testing"
	"time"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	"spillway/internal/emulator/wire"
)

func encode(t testing.TB, m proto.Message) []byte {
	t.Helper()
	b, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestParsePublishCountsWhatLimitsNeed(t *testing.T) {
	topic, messages, err := wire.ParsePublish(encode(t, &pubsubpb.PublishRequest{
		Topic: "projects/p/topics/t",
		Messages: []*pubsubpb.PubsubMessage{
			{Data: []byte("hello"), Attributes: map[string]string{"a": "1", "bcd": "four"}, OrderingKey: "k1"},
			{},
		},
	}))
	if err != nil || topic != "projects/p/topics/t" || len(messages) != 2 {
		t.Fatalf("got %q, %d messages, %v", topic, len(messages), err)
	}
	messages[0].Body = nil
	want := wire.Message{Key: "k1", Size: 5 + 2 + 7 + 2, DataSize: 5, Attributes: 2, LongestName: 3, LongestValue: 4}
	if diff := cmp.Diff(want, messages[0]); diff != "" {
		t.Error(diff)
	}
	if messages[1].Size != 0 || messages[1].Attributes != 0 {
		t.Errorf("empty message parsed as %+v", messages[1])
	}
}

func TestReceivedDecodesToWhatWasPublished(t *testing.T) {
	published := time.Unix(1_700_000_000, 123_456_789)
	sent := &pubsubpb.PubsubMessage{Data: []byte("x"), Attributes: map[string]string{"a": "b"}, OrderingKey: "k"}
	m, err := wire.ParseMessage(encode(t, sent))
	if err != nil {
		t.Fatal(err)
	}
	for _, attempt := range []int32{0, 3} {
		b := wire.AppendReceived(nil, &wire.Received{
			AckID: []byte("ack"), ID: 1234567890, Published: published.UnixNano(), Attempt: attempt, Body: m.Body,
		})
		var got pubsubpb.StreamingPullResponse
		if err := proto.Unmarshal(b, &got); err != nil {
			t.Fatal(err)
		}
		want := &pubsubpb.StreamingPullResponse{ReceivedMessages: []*pubsubpb.ReceivedMessage{{
			AckId: "ack", DeliveryAttempt: attempt,
			Message: &pubsubpb.PubsubMessage{
				Data: []byte("x"), Attributes: map[string]string{"a": "b"}, OrderingKey: "k",
				MessageId: "1234567890", PublishTime: timestamppb.New(published),
			},
		}}}
		if diff := cmp.Diff(want, &got, protocmp.Transform()); diff != "" {
			t.Error(diff)
		}
	}
}

func TestPublishersCannotSetIDAndTime(t *testing.T) {
	m, err := wire.ParseMessage(encode(t, &pubsubpb.PubsubMessage{
		Data: []byte("x"), MessageId: "forged", PublishTime: timestamppb.New(time.Unix(1, 0)),
	}))
	if err != nil {
		t.Fatal(err)
	}
	var got pubsubpb.PubsubMessage
	if err := proto.Unmarshal(m.Body, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&pubsubpb.PubsubMessage{Data: []byte("x")}, &got, protocmp.Transform()); diff != "" {
		t.Error(diff)
	}
}

func TestAppendAttributeReplacesAndAdds(t *testing.T) {
	body := encode(t, &pubsubpb.PubsubMessage{Attributes: map[string]string{"a": "old"}})
	body = wire.AppendAttribute(body, "a", "new")
	body = wire.AppendAttribute(body, "b", "")
	if diff := cmp.Diff(map[string]string{"a": "new", "b": ""}, wire.Attributes(body)); diff != "" {
		t.Error(diff)
	}
}

func TestPublishResponse(t *testing.T) {
	var got pubsubpb.PublishResponse
	if err := proto.Unmarshal(wire.AppendPublishResponse(nil, 9, 3), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"9", "10", "11"}, got.GetMessageIds()); diff != "" {
		t.Error(diff)
	}
}

func TestMalformedInput(t *testing.T) {
	for name, b := range map[string][]byte{
		"truncated tag":     {0x80},
		"truncated message": {0x12, 0x05, 0x0a},
		"topic not UTF-8":   {0x0a, 0x01, 0xff},
		"key not UTF-8":     {0x12, 0x03, 0x2a, 0x01, 0xff},
		"attribute broken":  {0x12, 0x03, 0x12, 0x01, 0x80},
	} {
		if _, _, err := wire.ParsePublish(b); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func FuzzParsePublish(f *testing.F) {
	f.Add(encode(f, &pubsubpb.PublishRequest{Topic: "projects/p/topics/t", Messages: []*pubsubpb.PubsubMessage{
		{Data: []byte("hello"), Attributes: map[string]string{"a": "1"}, OrderingKey: "k", MessageId: "7"},
	}}))
	f.Add([]byte{0x12, 0x05, 0x0a})
	f.Fuzz(func(t *testing.T, b []byte) {
		topic, messages, err := wire.ParsePublish(b)
		var want pubsubpb.PublishRequest
		if proto.Unmarshal(b, &want) != nil || err != nil {
			return // the two decoders reject different kinds of malformed input; what both accept must agree
		}
		if topic != want.GetTopic() || len(messages) != len(want.GetMessages()) {
			t.Fatalf("got %q and %d messages, want %q and %d", topic, len(messages), want.GetTopic(), len(want.GetMessages()))
		}
		for i, m := range messages {
			compareBody(t, m, want.GetMessages()[i])
		}
	})
}

func compareBody(t *testing.T, m wire.Message, want *pubsubpb.PubsubMessage) {
	t.Helper()
	var got pubsubpb.PubsubMessage
	if err := proto.Unmarshal(m.Body, &got); err != nil {
		t.Fatal(err)
	}
	if m.Key != want.GetOrderingKey() || string(got.GetData()) != string(want.GetData()) {
		t.Fatalf("body %v, want %v", &got, want)
	}
	if !maps.Equal(want.GetAttributes(), got.GetAttributes()) {
		t.Fatalf("attributes %v, want %v", got.GetAttributes(), want.GetAttributes())
	}
}
