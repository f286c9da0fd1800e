package deliver_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"spillway/internal/backlog"
	"spillway/internal/deliver"
)

func TestWork(t *testing.T) {
	m := &backlog.Message{ID: "1"}
	t.Run("waits its duration", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			begin := time.Now()
			v := deliver.Work{Duration: 50 * time.Millisecond}.Handle(t.Context(), m)
			if took := time.Since(begin); v.Result != deliver.Ack || took != 50*time.Millisecond {
				t.Fatalf("%+v after %s", v, took)
			}
		})
	})
	t.Run("ends with its context", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if v := (deliver.Work{Duration: time.Hour, CPU: time.Hour}).Handle(ctx, m); v.Result != deliver.Nack {
			t.Fatalf("got %+v", v)
		}
	})
	t.Run("computes", func(t *testing.T) {
		begin := time.Now()
		v := deliver.Work{CPU: 20 * time.Millisecond}.Handle(t.Context(), m)
		if took := time.Since(begin); v.Result != deliver.Ack || took < 20*time.Millisecond {
			t.Fatalf("%+v after %s", v, took)
		}
	})
	t.Run("fails its share", func(t *testing.T) {
		failures := 0
		for range 10_000 {
			if (deliver.Work{ErrorRate: 0.3}).Handle(t.Context(), m).Result == deliver.Nack {
				failures++
			}
		}
		if failures < 2700 || failures > 3300 { // 3000 +- 6.5 standard deviations.
			t.Fatalf("%d of 10000 failed", failures)
		}
	})
	t.Run("discard acks", func(t *testing.T) {
		if v := (deliver.Discard{}).Handle(t.Context(), m); v.Result != deliver.Ack {
			t.Fatalf("got %+v", v)
		}
	})
}
