package pull

import (
	"hash/maphash"
	"iter"
)

// table finds items by message ID. A message is put in and taken out once, and looked for as it is put in: with a map that
// hashes its ID four times and was a tenth of the engine's cost. The table hashes it once, and takes an item out by its
// identity. It is open addressing with linear probing, at most half full.
type table struct {
	seed   maphash.Seed
	places []place // as many as a power of two
	count  int
}

type place struct {
	hash uint64
	item *item // nil where the place is free
}

const fewestPlaces = 64

func newTable() *table {
	return &table{seed: maphash.MakeSeed(), places: make([]place, fewestPlaces)}
}

func (t *table) len() int { return t.count }

// get returns the item of a message ID, or nil, and the ID's hash.
func (t *table) get(id string) (*item, uint64) {
	hash := maphash.String(t.seed, id)
	for i := t.start(hash); t.places[i].item != nil; i = t.next(i) {
		if p := t.places[i]; p.hash == hash && p.item.delivery.ID == id {
			return p.item, hash
		}
	}
	return nil, hash
}

// put takes an item in whose ID has that hash, in the place of old, which get has returned for it.
func (t *table) put(it, old *item, hash uint64) {
	it.hash = hash
	if old != nil {
		t.places[t.find(old)].item = it
		return
	}
	if t.count++; 2*t.count > len(t.places) {
		t.grow()
	}
	t.insert(place{hash, it})
}

func (t *table) insert(p place) {
	i := t.start(p.hash)
	for t.places[i].item != nil {
		i = t.next(i)
	}
	t.places[i] = p
}

func (t *table) grow() {
	before := t.places
	t.places = make([]place, 2*len(before))
	for _, p := range before {
		if p.item != nil {
			t.insert(p)
		}
	}
}

// remove takes out an item that is in the table. Those behind it move up, so that no search ends before them.
func (t *table) remove(it *item) {
	t.count--
	gap := t.find(it)
	for i := t.next(gap); t.places[i].item != nil; i = t.next(i) {
		// What stands where its search starts, or between that and the gap's far side, stays.
		if t.distance(t.start(t.places[i].hash), i) >= t.distance(gap, i) {
			t.places[gap] = t.places[i]
			gap = i
		}
	}
	t.places[gap] = place{}
}

// find returns the place of an item that is in the table.
func (t *table) find(it *item) int {
	i := t.start(it.hash)
	for t.places[i].item != it {
		i = t.next(i)
	}
	return i
}

// all yields every item. The table must not be changed meanwhile.
func (t *table) all() iter.Seq[*item] {
	return func(yield func(*item) bool) {
		for _, p := range t.places {
			if p.item != nil && !yield(p.item) {
				return
			}
		}
	}
}

// start returns where a search for a hash begins, next the place after i, and distance how many steps b is behind a.
func (t *table) start(hash uint64) int { return int(hash & uint64(len(t.places)-1)) } //nolint:gosec // Below the length.
func (t *table) next(i int) int        { return (i + 1) & (len(t.places) - 1) }
func (t *table) distance(a, b int) int { return (b - a) & (len(t.places) - 1) }
