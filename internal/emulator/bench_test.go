package emulator_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"testing"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
	protobuf "google.golang.org/protobuf/proto"
)

const payloadSize = 1024

// raw is a message that the benchmark's client sends and receives encoded, so that the server's cost is what is measured.
type raw struct{ b []byte }

type rawCodec struct{ encoding.CodecV2 }

func (c rawCodec) Marshal(v any) (mem.BufferSlice, error) {
	if r, ok := v.(*raw); ok {
		return mem.BufferSlice{mem.SliceBuffer(r.b)}, nil
	}
	return c.CodecV2.Marshal(v)
}

func (c rawCodec) Unmarshal(data mem.BufferSlice, v any) error {
	if r, ok := v.(*raw); ok {
		r.b = append(r.b[:0], data.Materialize()...)
		return nil
	}
	return c.CodecV2.Unmarshal(data, v)
}

func asRaw() grpc.CallOption {
	return grpc.ForceCodecV2(rawCodec{encoding.GetCodecV2(proto.Name)})
}

func encodedBatch(b testing.TB, n int) *raw {
	b.Helper()
	req := &pubsubpb.PublishRequest{Topic: topicName}
	for i := range n {
		req.Messages = append(req.Messages, &pubsubpb.PubsubMessage{
			Data: bytes.Repeat([]byte("x"), payloadSize), Attributes: map[string]string{"tenant": "a", "n": strconv.Itoa(i)},
		})
	}
	encoded, err := protobuf.Marshal(req)
	if err != nil {
		b.Fatal(err)
	}
	return &raw{encoded}
}

// fill publishes n messages in batches of 1000 over two calls at a time.
func fill(b testing.TB, conn *grpc.ClientConn, n int) {
	b.Helper()
	batches := make(chan int)
	errs := make(chan error, 2)
	for range 2 {
		go func() {
			var err error
			for size := range batches {
				batch := encodedBatch(b, size)
				if e := conn.Invoke(b.Context(), pubsubpb.Publisher_Publish_FullMethodName, batch, &raw{}, asRaw()); e != nil {
					err = e
				}
			}
			errs <- err
		}()
	}
	for ; n > 0; n -= 1000 {
		batches <- min(n, 1000)
	}
	close(batches)
	for range 2 {
		if err := <-errs; err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPublish(b *testing.B) {
	app := start(b)
	conn := dial(b, app)
	batch := encodedBatch(b, 1000)
	b.SetBytes(payloadSize)
	b.ResetTimer()
	for range (b.N + 999) / 1000 {
		if err := conn.Invoke(b.Context(), pubsubpb.Publisher_Publish_FullMethodName, batch, &raw{}, asRaw()); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msgs/s")
}

// BenchmarkStream drains what waits over one stream, acknowledging every message; the time per message must not depend on
// how many wait.
func BenchmarkStream(b *testing.B) {
	for _, waiting := range []int{1_000, 100_000, 1_000_000} {
		b.Run(fmt.Sprintf("waiting=%d", waiting), func(b *testing.B) {
			app := start(b)
			conn := dial(b, app)
			for range b.N {
				b.StopTimer()
				fill(b, conn, waiting)
				b.ReportMetric(residentBytes(b)/float64(waiting), "rss-B/msg")
				b.StartTimer()
				drainRaw(b, conn, waiting)
			}
			b.ReportMetric(float64(waiting)*float64(b.N)/b.Elapsed().Seconds(), "msgs/s")
		})
	}
}

// drainRaw receives and acknowledges n messages over one stream, acks on the stream itself.
func drainRaw(b *testing.B, conn *grpc.ClientConn, n int) {
	b.Helper()
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	desc := &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}
	stream, err := conn.NewStream(ctx, desc, pubsubpb.Subscriber_StreamingPull_FullMethodName, asRaw())
	if err != nil {
		b.Fatal(err)
	}
	first, err := protobuf.Marshal(&pubsubpb.StreamingPullRequest{
		Subscription: subName, StreamAckDeadlineSeconds: 60, MaxOutstandingMessages: 10_000,
	})
	if err != nil {
		b.Fatal(err)
	}
	if err := stream.SendMsg(&raw{first}); err != nil {
		b.Fatal(err)
	}
	var in raw
	got := 0
	for got < n {
		if err := stream.RecvMsg(&in); err != nil {
			b.Fatal(err)
		}
		acks, count := ackRequest(b, in.b)
		got += count
		if err := stream.SendMsg(&raw{acks}); err != nil {
			b.Fatal(err)
		}
	}
	if err := stream.CloseSend(); err != nil { // and so every ack arrives
		b.Fatal(err)
	}
	for err == nil {
		err = stream.RecvMsg(&in)
	}
	if !errors.Is(err, io.EOF) {
		b.Fatal(err)
	}
}

// ackRequest turns a response into the request that acknowledges its messages.
func ackRequest(b *testing.B, response []byte) (request []byte, n int) {
	b.Helper()
	for len(response) > 0 {
		num, typ, size := protowire.ConsumeTag(response)
		response = response[size:]
		field, size := protowire.ConsumeBytes(response)
		if size < 0 {
			b.Fatal("unexpected field", num, typ)
		}
		response = response[size:]
		if num == 1 {
			ackID, _ := protowire.ConsumeBytes(field[1:])
			request = protowire.AppendTag(request, 2, protowire.BytesType)
			request = protowire.AppendBytes(request, ackID)
			n++
		}
	}
	return request, n
}

// residentBytes is the process's VmRSS.
func residentBytes(b testing.TB) float64 {
	b.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	_, after, _ := strings.Cut(string(status), "VmRSS:")
	kb, err := strconv.ParseFloat(strings.Fields(after)[0], 64)
	if err != nil {
		b.Fatal(err)
	}
	return kb * 1024
}
