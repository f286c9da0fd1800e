package load

import (
	"testing"
	"time"
)

// BenchmarkPublish is a burst over a loopback connection into a server that only counts.
func BenchmarkPublish(b *testing.B) {
	host, _ := serve(b)
	client, err := Dial(b.Context(), host)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	p := NewPublisher(client, offers(), Message{Size: 256}, nil)
	begin := time.Now()
	if err := p.Run(b.Context(), Burst(int64(b.N))); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(b.N)/time.Since(begin).Seconds(), "msg/s")
}
