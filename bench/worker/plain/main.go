// Command plain is the yardstick for the worker's HTTP target: a net/http client loop that posts the same bodies and does
// nothing else. It prints the processor time that it took, in nanoseconds, and the seconds.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"spillway/bench/run"
)

func main() {
	url := flag.String("url", "", "where to post")
	n := flag.Int64("n", 1000, "how many messages")
	concurrency := flag.Int("concurrency", 100, "posts at a time")
	flag.Parse()
	cpu, took, err := post(context.Background(), *url, *n, *concurrency)
	if err != nil {
		fmt.Fprintln(os.Stderr, "posting:", err)
		os.Exit(1)
	}
	fmt.Fprintln(os.Stdout, cpu.Nanoseconds(), took.Seconds())
}

// body is what the worker sends for a message of a queue, to the byte but for its ID and time.
func body() ([]byte, error) {
	type object map[string]any
	const id, at = "1795309277899001", "2026-11-22T01:01:48.459481351Z"
	return json.Marshal(object{
		"message": object{
			"attributes": object{"tenant": "a", "n": "123"}, "data": bytes.Repeat([]byte("x"), run.Payload),
			"messageId": id, "message_id": id, "publishTime": at, "publish_time": at,
		},
		"subscription": "projects/" + run.Project + "/subscriptions/queue-1",
	})
}

func post(ctx context.Context, url string, n int64, concurrency int) (cpu, took time.Duration, err error) {
	b, err := body()
	if err != nil {
		return 0, 0, err
	}
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: concurrency}}
	defer client.CloseIdleConnections()
	var left atomic.Int64
	left.Store(n)
	errs := make(chan error, concurrency)
	var group sync.WaitGroup
	before, begin := used(), time.Now()
	for range concurrency {
		group.Go(func() {
			for left.Add(-1) >= 0 {
				if err := one(ctx, client, url, b); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	group.Wait()
	select {
	case err = <-errs:
	default:
	}
	return used() - before, time.Since(begin), err
}

func one(ctx context.Context, client *http.Client, url string, b []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(b))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	_, _ = io.Copy(io.Discard, res.Body)
	return res.Body.Close()
}

// used is the processor time of this process.
func used() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
