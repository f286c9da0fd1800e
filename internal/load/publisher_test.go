package load

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func TestABurstGoesOutInFullRequestsSideBySide(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{takes: 100 * time.Millisecond}
		p := NewPublisher(s, offers(), Message{Size: 10}, nil)
		begin := time.Now()
		if err := p.Run(t.Context(), Burst(40_500)); err != nil {
			t.Fatal(err)
		}
		if got := p.Counts(); got != (Counts{Published: 40_500}) {
			t.Errorf("counted %+v", got)
		}
		if len(s.requests) != 41 || s.most != parallel {
			t.Errorf("%d requests, %d at once; want 41 and %d", len(s.requests), s.most, parallel)
		}
		if took := time.Since(begin); took != 300*time.Millisecond { // 41 requests, 16 at once.
			t.Errorf("took %s", took)
		}
	})
}

func TestARateIsKeptToTheMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{takes: time.Millisecond}
		p := NewPublisher(s, offers(), Message{Size: 10}, nil)
		begin := time.Now()
		if err := p.Run(t.Context(), Rate(300, 10*time.Second)); err != nil {
			t.Fatal(err)
		}
		if got := p.Counts(); got != (Counts{Published: 3000}) {
			t.Errorf("counted %+v", got)
		}
		if took := time.Since(begin); took < 10*time.Second || took > 10*time.Second+2*tick {
			t.Errorf("took %s", took)
		}
		for i, n := range s.requests {
			if n > 4 { // 300 a second are 3 in 10 ms.
				t.Fatalf("request %d held %d messages", i, n)
			}
		}
	})
}

func TestLargeMessagesMakeSmallRequests(t *testing.T) {
	tests := []struct {
		m    Message
		want int
	}{
		{Message{Size: 0}, 1000},
		{Message{Size: 1000}, 1000},
		{Message{Size: 900, Attributes: map[string]string{"name": string(make([]byte, 9096))}}, 100},
		{Message{Size: 300_000}, 3},
		{Message{Size: MaxSize}, 1},
	}
	for _, tt := range tests {
		p := NewPublisher(nil, offers(), tt.m, nil)
		if len(p.messages) != tt.want || len(p.messages[0].GetData()) != tt.m.Size {
			t.Errorf("size %d: %d messages of %d bytes; want %d", tt.m.Size, len(p.messages), len(p.messages[0].GetData()), tt.want)
		}
	}
}

func TestEveryConfirmedIDIsHandedOnOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		seen := map[string]int{}
		p := NewPublisher(&server{takes: time.Millisecond}, offers(), Message{Size: 1}, func(ids []string) {
			mu.Lock()
			defer mu.Unlock()
			for _, id := range ids {
				seen[id]++
			}
		})
		if err := p.Run(t.Context(), Burst(5000)); err != nil {
			t.Fatal(err)
		}
		if len(seen) != 5000 {
			t.Fatalf("%d IDs", len(seen))
		}
	})
}

func TestTroubleThatPassesCostsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{verdict: func(request int) error {
			if request <= 3 {
				return status.Error(codes.Unavailable, "starting")
			}
			return nil
		}}
		p := NewPublisher(s, offers(), Message{Size: 1}, nil)
		begin := time.Now()
		if err := p.Run(t.Context(), Burst(1)); err != nil {
			t.Fatal(err)
		}
		if got := p.Counts(); got != (Counts{Published: 1}) {
			t.Errorf("counted %+v", got)
		}
		if took := time.Since(begin); took != 700*time.Millisecond { // 100, 200 and 400 ms.
			t.Errorf("took %s", took)
		}
	})
}

func TestTroubleThatStaysIsCountedWithinTheBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{verdict: func(request int) error {
			if request > 1 {
				return status.Error(codes.Unavailable, "gone")
			}
			return nil
		}}
		p := NewPublisher(s, offers(), Message{Size: 1}, nil)
		if err := p.Run(t.Context(), Rate(10, 30*time.Second)); err != nil {
			t.Fatal(err)
		}
		if got := p.Counts(); got != (Counts{Published: 1, Failed: 299}) {
			t.Errorf("counted %+v", got)
		}
		if most := 300 + int(budgetMax); len(s.requests) > most {
			t.Errorf("%d requests for 300 messages; the budget allows %d", len(s.requests), most)
		}
		if status.Code(p.LastError()) != codes.Unavailable {
			t.Errorf("last error %v", p.LastError())
		}
	})
}

func TestWhatNoRetryCuresEndsTheRun(t *testing.T) {
	for _, code := range []codes.Code{codes.NotFound, codes.PermissionDenied, codes.Unauthenticated, codes.InvalidArgument} {
		synctest.Test(t, func(t *testing.T) {
			s := &server{verdict: func(int) error { return status.Error(code, "no") }}
			p := NewPublisher(s, offers(), Message{Size: 1}, nil)
			err := p.Run(t.Context(), Rate(1000, 0))
			if status.Code(err) != code {
				t.Fatalf("got %v", err)
			}
			if len(s.requests) > parallel {
				t.Fatalf("%s was tried %d times", code, len(s.requests))
			}
		})
	}
}

func TestAServerThatNeverAnsweredEndsTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{verdict: func(int) error { return status.Error(codes.Unavailable, "connection refused") }}
		p := NewPublisher(s, offers(), Message{Size: 1}, nil)
		begin := time.Now()
		if err := p.Run(t.Context(), Rate(10, 0)); status.Code(err) != codes.Unavailable {
			t.Fatalf("got %v", err)
		}
		if took := time.Since(begin); took > 3*time.Second {
			t.Fatalf("noticed after %s", took)
		}
	})
}

func TestAnAnswerWithTooFewIDsIsNotBelieved(t *testing.T) {
	p := NewPublisher(forgetful{}, offers(), Message{Size: 1}, nil)
	if err := p.Run(t.Context(), Burst(2)); status.Code(err) != codes.DataLoss {
		t.Fatalf("got %v", err)
	}
	if got := p.Counts(); got != (Counts{Failed: 2}) {
		t.Errorf("counted %+v", got)
	}
}

func TestAnInterruptedRunWaitsForItsAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second+time.Millisecond)
		defer cancel()
		s := &server{takes: 50 * time.Millisecond}
		p := NewPublisher(s, offers(), Message{Size: 1}, nil)
		if err := p.Run(ctx, Rate(1000, 0)); err != nil {
			t.Fatal(err)
		}
		if got := p.Counts(); got.Failed != 0 || got.Published != int64(s.ids) || got.Published < 900 {
			t.Errorf("counted %+v, the server %d", got, s.ids)
		}
	})
}
