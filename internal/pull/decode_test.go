package pull

import (
	"testing"
	"time"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"spillway/internal/backlog"
)

// reference reads a response with the generated code.
func reference(b []byte) (response, error) {
	var p pubsubpb.StreamingPullResponse
	if err := proto.Unmarshal(b, &p); err != nil {
		return response{}, err
	}
	r := response{
		properties: p.SubscriptionProperties != nil, ordered: p.GetSubscriptionProperties().GetMessageOrderingEnabled(),
		exactlyOnce: p.GetSubscriptionProperties().GetExactlyOnceDeliveryEnabled(),
	}
	for _, m := range p.GetReceivedMessages() {
		out := item{ackID: m.GetAckId(), delivery: Delivery{Message: backlog.Message{
			ID: m.GetMessage().GetMessageId(), Data: m.GetMessage().GetData(), Attributes: backlog.AttributesOf(m.GetMessage().GetAttributes()),
			OrderingKey: m.GetMessage().GetOrderingKey(), DeliveryAttempt: int(m.GetDeliveryAttempt()),
		}}}
		if m.GetMessage().GetPublishTime() != nil {
			out.delivery.PublishTime = m.GetMessage().GetPublishTime().AsTime()
		}
		r.items = append(r.items, out)
	}
	return r, nil
}

func expectSame(t *testing.T, b []byte) {
	t.Helper()
	want, wantErr := reference(b)
	var got response
	err := got.decode(b)
	if (err != nil) != (wantErr != nil) {
		t.Fatalf("decode says %v, proto.Unmarshal says %v", err, wantErr)
	}
	if err != nil {
		return
	}
	options := []cmp.Option{cmp.AllowUnexported(response{}), cmpopts.IgnoreFields(response{}, "attributes"), cmp.Comparer(func(a, b item) bool {
		return a.ackID == b.ackID && cmp.Equal(a.delivery.Message, b.delivery.Message, cmpopts.EquateEmpty(), cmpopts.SortSlices(func(a, b backlog.Attribute) bool { return a.Key < b.Key }))
	}), cmpopts.EquateEmpty()}
	if diff := cmp.Diff(want, got, options...); diff != "" {
		t.Fatalf("-proto.Unmarshal +decode:\n%s", diff)
	}
}

// sample is a response with everything in it.
func sample(n, size int) *pubsubpb.StreamingPullResponse {
	r := &pubsubpb.StreamingPullResponse{
		SubscriptionProperties:        &pubsubpb.StreamingPullResponse_SubscriptionProperties{MessageOrderingEnabled: true, ExactlyOnceDeliveryEnabled: true},
		AcknowledgeConfirmation:       &pubsubpb.StreamingPullResponse_AcknowledgeConfirmation{AckIds: []string{"a"}, InvalidAckIds: []string{"b"}},
		ModifyAckDeadlineConfirmation: &pubsubpb.StreamingPullResponse_ModifyAckDeadlineConfirmation{AckIds: []string{"c"}},
	}
	for range n {
		r.ReceivedMessages = append(r.ReceivedMessages, &pubsubpb.ReceivedMessage{
			AckId: "RFAGFixdRkhRNxkIaFEOT14jPzUgKEURAQgUBXx9c1tXdGtRB", DeliveryAttempt: 3,
			Message: &pubsubpb.PubsubMessage{
				Data: make([]byte, size), Attributes: map[string]string{"source": "shop", "välue": "1"}, MessageId: "136969346945",
				PublishTime: timestamppb.New(time.Date(2026, 11, 27, 8, 0, 0, 123456789, time.UTC)), OrderingKey: "ean-1",
			},
		})
	}
	return r
}

func encoded(t testing.TB, m proto.Message) []byte {
	t.Helper()
	b, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestDecodeReadsWhatTheGeneratedCodeReads(t *testing.T) {
	full := encoded(t, sample(3, 10))
	twice := func(id protowire.Number, parts ...[]byte) []byte {
		var b []byte
		for _, p := range parts {
			b = protowire.AppendBytes(protowire.AppendTag(b, id, protowire.BytesType), p)
		}
		return b
	}
	message := encoded(t, sample(1, 10).GetReceivedMessages()[0].GetMessage())
	later := encoded(t, &pubsubpb.PubsubMessage{PublishTime: &timestamppb.Timestamp{Nanos: 5}, MessageId: "2", Attributes: map[string]string{"more": "x"}})
	tests := map[string][]byte{
		"nothing":                      nil,
		"everything":                   full,
		"a message that comes twice":   twice(1, twice(2, message, later)),
		"an unknown field":             append(protowire.AppendVarint(protowire.AppendTag(nil, 99, protowire.VarintType), 7), full...),
		"a field of another wire type": protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), 7),
		"a group":                      protowire.AppendTag(protowire.AppendTag(nil, 9, protowire.StartGroupType), 9, protowire.EndGroupType),
		"a group without an end":       protowire.AppendTag(nil, 9, protowire.StartGroupType),
		"cut short":                    full[:len(full)-1],
		"an ack ID that is no text":    twice(1, twice(1, []byte{0xff})),
		"a key that is no text":        twice(1, twice(2, twice(2, twice(1, []byte{0xff})))),
		"a confirmation that is none":  twice(5, twice(1, []byte{0xff})),
		"an empty message":             twice(1, nil),
		"an attribute without a value": twice(1, twice(2, twice(2, twice(1, []byte("k"))))),
		"a negative delivery attempt":  twice(1, protowire.AppendVarint(protowire.AppendTag(nil, 3, protowire.VarintType), 1<<64-1)),
		"field number 0":               {0x02, 0x00},
		"a field number beyond all":    {0xad, 0xad, 0xad, 0xad, 0x30, 0x30, 0x30, 0x30, 0x30},
	}
	for name, b := range tests {
		t.Run(name, func(t *testing.T) { expectSame(t, b) })
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(nil))
	f.Add(encoded(f, sample(2, 10)))
	f.Add(encoded(f, &pubsubpb.StreamingPullResponse{}))
	f.Add(encoded(f, sample(0, 0)))
	f.Fuzz(func(t *testing.T, b []byte) { expectSame(t, b) })
}

func BenchmarkDecode(b *testing.B) {
	text := encoded(b, sample(100, 1024))
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var r response
			if err := r.decode(text); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("proto.Unmarshal", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var p pubsubpb.StreamingPullResponse
			if err := proto.Unmarshal(text, &p); err != nil {
				b.Fatal(err)
			}
		}
	})
}
