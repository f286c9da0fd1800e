package page

// merge says what becomes of two values of one column that fall into the same step.
type merge int

const (
	mean merge = iota
	most
)

// slot is one step of a track: the values of its columns, and of how many observations they were made; 0 means that
// nothing was seen in it.
type slot struct {
	seen   int
	values []Value
}

// track is a bounded history with one slot for each step. It is not safe for concurrent use.
type track struct {
	columns []merge
	from    int // The index of the first slot.
	slots   []slot
}

// put enters an observation at an index, which never goes back behind the newest. Steps that were left out stay unseen.
func (t *track) put(index int, values []Value) {
	if len(t.slots) == 0 {
		t.from = index
	}
	for t.from+len(t.slots) <= index {
		t.slots = append(t.slots, slot{})
	}
	i := index - t.from
	t.slots[i] = t.merged(t.slots[i], slot{seen: 1, values: values})
}

// end is the index behind the newest slot.
func (t *track) end() int { return t.from + len(t.slots) }

func (t *track) merged(a, b slot) slot {
	if a.seen == 0 {
		return b
	}
	if b.seen == 0 {
		return a
	}
	sum := slot{seen: a.seen + b.seen, values: make([]Value, len(t.columns))}
	for i, how := range t.columns {
		sum.values[i] = mergeValues(how, a.values[i], b.values[i], a.seen, b.seen)
	}
	return sum
}

func mergeValues(how merge, a, b Value, weightA, weightB int) Value {
	switch {
	case !a.Known():
		return b
	case !b.Known():
		return a
	case how == mean:
		return (a*Value(weightA) + b*Value(weightB)) / Value(weightA+weightB)
	default:
		return max(a, b)
	}
}

// halve makes one slot of two: steps are twice as long from here on.
func (t *track) halve() {
	first := t.from / 2
	slots := make([]slot, 0, len(t.slots)/2+1)
	for i, s := range t.slots {
		at := (t.from+i)/2 - first
		if at == len(slots) {
			slots = append(slots, slot{})
		}
		slots[at] = t.merged(slots[at], s)
	}
	t.from, t.slots = first, slots
}

// forget drops the first n steps of the history; what is left begins n earlier.
func (t *track) forget(n int) {
	gone := min(max(n-t.from, 0), len(t.slots))
	t.slots = append([]slot(nil), t.slots[gone:]...)
	t.from = max(t.from-n, 0)
}

// since returns the values from an index on, nil for the steps in which nothing was seen.
func (t *track) since(index int) [][]Value {
	rows := [][]Value{}
	for _, s := range t.slots[min(max(index-t.from, 0), len(t.slots)):] {
		rows = append(rows, s.values)
	}
	return rows
}
