package deliver_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"spillway/internal/backlog"
	"spillway/internal/deliver"
)

// asServer tells the test's own binary to be the endpoint of a benchmark: its processor time must not be counted.
const asServer = "SPILLWAY_DELIVER_BENCH_SERVER"

func TestMain(m *testing.M) {
	if os.Getenv(asServer) != "" {
		serveBench()
		return
	}
	goleak.VerifyTestMain(m)
}

// serveBench answers every POST with 204 until its standard input ends.
func serveBench() {
	ln, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(ln.Addr())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusNoContent)
	})}
	panic(server.Serve(ln))
}

// benchServer starts an endpoint in another process and returns its URL.
func benchServer(b *testing.B) string {
	b.Helper()
	cmd := exec.CommandContext(b.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), asServer+"=1", "GOMAXPROCS=1")
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = in.Close(); _ = cmd.Wait() })
	var address string
	if _, err := fmt.Fscanln(out, &address); err != nil {
		b.Fatal(err)
	}
	return "http://" + address + "/offers"
}

// cpu is the processor time that this process has used.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

const benchConcurrency = 100

// spend runs do on benchConcurrency goroutines and reports the processor time of each.
func spend(b *testing.B, do func()) {
	b.Helper()
	b.ReportAllocs()
	work := make(chan struct{}, b.N)
	for range b.N {
		work <- struct{}{}
	}
	close(work)
	var group sync.WaitGroup
	before := cpu(b)
	b.ResetTimer()
	for range benchConcurrency {
		group.Go(func() {
			for range work {
				do()
			}
		})
	}
	group.Wait()
	b.StopTimer()
	b.ReportMetric(float64((cpu(b)-before).Microseconds())/float64(b.N), "cpu-us/op")
}

func benchMessage(size int) *backlog.Message {
	return &backlog.Message{
		ID: "1795309277899001", Data: make([]byte, size), PublishTime: time.Unix(1795309277, 899001000),
		Attributes: backlog.Attributes{{Key: "source", Value: "shop"}, {Key: "version", Value: "17"}},
	}
}

// BenchmarkPlainLoop is a net/http client that posts the same bodies and does nothing else: the yardstick.
func BenchmarkPlainLoop(b *testing.B) {
	for _, size := range []int{1 << 10, 100 << 10} {
		b.Run(fmt.Sprintf("%dKiB", size>>10), func(b *testing.B) {
			endpoint := benchServer(b)
			body := wrappedBody(b, benchMessage(size))
			client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: benchConcurrency}}
			defer client.CloseIdleConnections()
			spend(b, func() {
				req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, endpoint, bytes.NewReader(body))
				if err != nil {
					b.Error(err)
					return
				}
				req.Header.Set("Content-Type", "application/json")
				resp, err := client.Do(req)
				if err != nil {
					b.Error(err)
					return
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
			})
		})
	}
}

func BenchmarkTarget(b *testing.B) {
	for _, f := range []deliver.Format{deliver.Wrapped, deliver.Unwrapped, deliver.CloudEvents} {
		for _, size := range []int{1 << 10, 100 << 10} {
			b.Run(fmt.Sprintf("%s/%dKiB", f, size>>10), func(b *testing.B) {
				target := benchTarget(b, benchServer(b), f)
				m := benchMessage(size)
				spend(b, func() {
					if v := target.Handle(context.Background(), m); v.Result != deliver.Ack {
						b.Errorf("%+v", v)
					}
				})
			})
		}
	}
}

func benchTarget(b *testing.B, endpoint string, f deliver.Format) *deliver.Target {
	b.Helper()
	return targetAt(b, endpoint, func(o *deliver.TargetOptions) { o.Format, o.Concurrency = f, benchConcurrency })
}

// wrappedBody is what the target posts.
func wrappedBody(b *testing.B, m *backlog.Message) []byte {
	b.Helper()
	var body []byte
	handleBody(b, m, &body)
	return body
}

// handleBody posts a message to a server of its own and keeps the body.
func handleBody(b *testing.B, m *backlog.Message, body *[]byte) {
	b.Helper()
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		*body, _ = io.ReadAll(r.Body)
	})}
	ln, err := new(net.ListenConfig).Listen(b.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	done := make(chan struct{})
	go func() { _ = server.Serve(ln); close(done) }()
	benchTarget(b, "http://"+ln.Addr().String(), deliver.Wrapped).Handle(b.Context(), m)
	_ = server.Close()
	<-done
}
