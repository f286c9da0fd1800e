package lifecycle_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"spillway/internal/lifecycle"
)

func TestSleep(t *testing.T) {
	tests := []struct {
		name     string
		sleep    time.Duration
		lasts    time.Duration // of the context
		want     bool
		wantTook time.Duration
	}{
		{"the context lasts", time.Second, time.Minute, true, time.Second},
		{"the context ends first", time.Minute, time.Second, false, time.Second},
		{"the context has ended", time.Minute, 0, false, 0},
		{"nothing to wait for", 0, time.Minute, true, 0},
		{"an instant that has passed", -time.Second, time.Minute, true, 0},
		{"nothing to wait for, and the context has ended", 0, 0, false, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), tt.lasts)
				defer cancel()
				begin := time.Now()
				if got, took := lifecycle.Sleep(ctx, tt.sleep), time.Since(begin); got != tt.want || took != tt.wantTook {
					t.Errorf("%v after %s, want %v after %s", got, took, tt.want, tt.wantTook)
				}
			})
		})
	}
}
