package fault_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"spillway/internal/emulator/fault"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]fault.Fault{
		"unavailable":                       {Kind: fault.Unavailable},
		"lost, method=Acknowledge,share=.5": {Kind: fault.Lost, Method: "Acknowledge", Share: 0.5},
		"cut,subscription=orders,after=1m,for=10s": {
			Kind: fault.Cut, Resource: "orders", After: time.Minute, For: 10 * time.Second,
		},
		"slow,delay=2s": {Kind: fault.Slow, Delay: 2 * time.Second},
	} {
		got, err := fault.Parse(text)
		if err != nil || got != want {
			t.Errorf("%q: got %+v, %v", text, got, err)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"":                          "unknown kind",
		"explode":                   "unknown kind",
		"cut,for":                   "key=value",
		"cut,when=now":              "unknown setting",
		"cut,for=soon":              "for",
		"cut,share=2":               "share",
		"cut,share=NaN":             "share",
		"cut,after=-1s":             "between 0",
		"slow":                      "delay",
		"cut,delay=1s":              "delay",
		strings.Repeat("c", 2000):   "2000 bytes",
		"lost,method=Nope":          `lost hits no method "Nope"; there are Acknowledge,`,
		"lost,method=acknowlege":    "did you mean Acknowledge?",
		"lost,method=StreamingPull": `"StreamingPull"; there are Acknowledge,`,
		"cut,method=Pull":           `cut hits no method "Pull"; there are StreamingPull`,
		"transient,method=Publish":  "there are Acknowledge, ModifyAckDeadline",
	} {
		_, err := fault.Parse(text)
		if !errors.Is(err, fault.ErrSyntax) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v", text, err)
		}
	}
}

func TestEveryKindHasMethodsThatItHits(t *testing.T) {
	for _, text := range []string{
		"unavailable,method=StreamingPull", "denied,method=StreamingPull", "hang,method=GetTopic", "slow,delay=1s,method=Publish", "lost,method=ListSchemas",
		"transient,method=ModifyAckDeadline", "cut,method=StreamingPull", "halfdead,method=StreamingPull",
		"duplicate,method=StreamingPull", "disorder,method=StreamingPull",
	} {
		if _, err := fault.Parse(text); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func newSet(t *testing.T, now *time.Time, texts ...string) *fault.Set {
	t.Helper()
	s := fault.NewSet(7, func() time.Time { return *now })
	var faults []fault.Fault
	for _, text := range texts {
		f, err := fault.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		faults = append(faults, f)
	}
	if err := s.Replace(faults...); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestAFaultHitsWithinItsWindowAndWhatItConcerns(t *testing.T) {
	now := time.Unix(1000, 0)
	s := newSet(t, &now, "cut,subscription=orders,after=10s,for=5s,method=StreamingPull")
	hit := func(method, resource string) bool {
		_, ok := s.Hit(fault.Cut, method, resource)
		return ok
	}
	const name = "projects/p/subscriptions/orders"
	if hit("StreamingPull", name) {
		t.Error("hit before its start")
	}
	now = now.Add(10 * time.Second)
	if !hit("StreamingPull", name) || hit("Pull", name) || hit("StreamingPull", "projects/p/subscriptions/reorders") {
		t.Error("does not hit exactly what it concerns")
	}
	now = now.Add(5 * time.Second)
	if hit("StreamingPull", name) {
		t.Error("hit after its end")
	}
	if s.None() || len(s.List()) != 1 {
		t.Error("a past fault is not listed")
	}
	if err := s.Replace(); err != nil || !s.None() {
		t.Error("faults cannot be removed")
	}
}

func TestSharesAreMetAndRepeatable(t *testing.T) {
	now := time.Unix(1000, 0)
	draw := func() (hits string) {
		s := newSet(t, &now, "lost,share=0.25")
		for range 4000 {
			if _, ok := s.Hit(fault.Lost, "Acknowledge", ""); ok {
				hits += "1"
			} else {
				hits += "0"
			}
		}
		return hits
	}
	first := draw()
	if n := strings.Count(first, "1"); n < 900 || n > 1100 {
		t.Errorf("%d of 4000 draws hit at a share of a quarter", n)
	}
	if draw() != first {
		t.Error("the same seed draws differently")
	}
}

func FuzzParse(f *testing.F) {
	f.Add("cut,subscription=orders,after=1m,for=10s,share=0.5")
	f.Add("slow,delay=1ns")
	f.Add("lost,method=Publish")
	f.Fuzz(func(t *testing.T, text string) {
		parsed, err := fault.Parse(text)
		if err != nil {
			return
		}
		again, err := fault.Parse(parsed.String())
		if err != nil || again != parsed {
			t.Fatalf("%q reads as %+v, and its text %q as %+v, %v", text, parsed, parsed, again, err)
		}
	})
}
