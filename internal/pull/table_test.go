package pull

import (
	"math/rand/v2"
	"strconv"
	"testing"
)

// The table is held against a map, with few IDs and few places, so that places are shared and wrap around.
func TestATableDoesWhatAMapDoes(t *testing.T) {
	for seed := range uint64(200) {
		random := rand.New(rand.NewPCG(seed, 1))
		got, want := newTable(), map[string]*item{}
		for range 2000 {
			id := strconv.Itoa(random.IntN(200))
			here, hash := got.get(id)
			if here != want[id] {
				t.Fatalf("seed %d: %s is %p, want %p", seed, id, here, want[id])
			}
			switch {
			case random.IntN(3) > 0:
				it := received(id, "ack", "")
				got.put(it, here, hash)
				want[id] = it
			case here != nil:
				got.remove(here)
				delete(want, id)
			}
			if got.len() != len(want) {
				t.Fatalf("seed %d: %d items, want %d", seed, got.len(), len(want))
			}
		}
		n := 0
		for it := range got.all() {
			if want[it.delivery.ID] != it {
				t.Fatalf("seed %d: %s should not be there", seed, it.delivery.ID)
			}
			n++
		}
		if n != len(want) {
			t.Fatalf("seed %d: all yields %d items, want %d", seed, n, len(want))
		}
	}
}

func BenchmarkTable(b *testing.B) {
	items := make([]*item, 10_000)
	for i := range items {
		items[i] = received(strconv.Itoa(1e15+i), "ack", "")
	}
	b.Run("table", func(b *testing.B) {
		t := newTable()
		for i := 0; b.Loop(); i++ {
			it := items[i%len(items)]
			here, hash := t.get(it.delivery.ID)
			if here != nil {
				t.remove(here)
				continue
			}
			t.put(it, nil, hash)
		}
	})
	b.Run("map", func(b *testing.B) {
		m := map[string]*item{}
		for i := 0; b.Loop(); i++ {
			it := items[i%len(items)]
			if m[it.delivery.ID] != nil {
				delete(m, it.delivery.ID)
				continue
			}
			m[it.delivery.ID] = it
		}
	})
}
