package main

import (
	"testing"
	"time"

	"spillway/examples/mess/product"
)

func TestThePlan(t *testing.T) {
	p := newPlan(10_000, 1000, 1)
	if len(p.messages) != 10_000+p.repeated+p.useless || p.repeated < 100 || p.useless != 15 {
		t.Errorf("%d messages, %d repeated, %d useless", len(p.messages), p.repeated, p.useless)
	}
	seen := map[part]int64{}
	var late, useless int
	for _, m := range p.messages {
		u, err := product.ParseUpdate(m.body)
		if err != nil {
			useless++
			continue
		}
		at := part{u.Product, m.kind}
		if u.Version < seen[at] {
			late++
		}
		seen[at] = max(seen[at], u.Version)
		if string(u.Data) != truth(u.Product, m.kind, u.Version) {
			t.Fatalf("%+v has %s", u, u.Data)
		}
	}
	if useless != p.useless || late < 100 || len(seen) != 3000 {
		t.Errorf("%d useless, %d late, %d parts", useless, late, len(seen))
	}
	for at, version := range seen {
		if p.version(at.id, at.kind) != version {
			t.Errorf("%v is published at %d, planned at %d", at, version, p.version(at.id, at.kind))
		}
	}
}

func TestTheBurstIsThreeTimesTheRest(t *testing.T) {
	p := plan{messages: make([]message, 9000)}
	for _, tt := range []struct {
		second int
		want   int
	}{{0, 0}, {20, 1000}, {40, 4000}, {60, 7000}, {80, 8000}, {100, 9000}, {200, 9000}} {
		if got := p.due(time.Duration(tt.second)*time.Second, 100*time.Second); got != tt.want && (got != tt.want-1 || tt.second >= 100) {
			t.Errorf("%d s: %d, want %d", tt.second, got, tt.want)
		}
	}
}
