package broker

const chunkSize = 128

// chunk is a block of consecutive entries; it is dropped when none of them is left.
type chunk struct {
	entries [chunkSize]entry
	live    int
}

// log is a subscription's messages by sequence number. Chunks without live entries are nil, and leading ones are cut off.
type log struct {
	chunks []*chunk
	first  uint64 // sequence number of chunks[0].entries[0]; a multiple of chunkSize
	end    uint64 // sequence number of the next entry
}

// push adds a zero entry with its sequence number set.
func (l *log) push() *entry {
	seq := l.end
	if seq%chunkSize == 0 {
		if n := len(l.chunks); n > 0 && l.chunks[n-1] != nil && l.chunks[n-1].live == 0 {
			l.chunks[n-1] = nil
		}
		l.trim()
		if len(l.chunks) == 0 {
			l.first = seq
		}
		l.chunks = append(l.chunks, &chunk{})
	}
	l.end++
	c := l.chunks[len(l.chunks)-1]
	c.live++
	e := &c.entries[seq%chunkSize]
	e.seq = seq
	return e
}

// at returns nil for an entry whose chunk is gone and for one that was never pushed.
func (l *log) at(seq uint64) *entry {
	if seq < l.first || seq >= l.end {
		return nil
	}
	c := l.chunks[(seq-l.first)/chunkSize]
	if c == nil {
		return nil
	}
	return &c.entries[seq%chunkSize]
}

// drop forgets the entry. The last chunk stays while entries can still be pushed into it.
func (l *log) drop(e *entry) {
	seq := e.seq
	*e = entry{seq: seq}
	i := (seq - l.first) / chunkSize
	c := l.chunks[i]
	c.live--
	if c.live == 0 && l.end >= l.first+(i+1)*chunkSize {
		l.chunks[i] = nil
		l.trim()
	}
}

func (l *log) trim() {
	for len(l.chunks) > 0 && l.chunks[0] == nil {
		l.chunks = l.chunks[1:]
		l.first += chunkSize
	}
	if len(l.chunks) == 0 {
		l.chunks = nil
	}
}

// seek returns the first sequence number from seq on whose entry satisfies f, or end. Chunks that are gone cost one step.
func (l *log) seek(seq uint64, f func(*entry) bool) uint64 {
	seq = max(seq, l.first)
	for seq < l.end {
		c := l.chunks[(seq-l.first)/chunkSize]
		if c == nil {
			seq = (seq/chunkSize + 1) * chunkSize
			continue
		}
		if f(&c.entries[seq%chunkSize]) {
			return seq
		}
		seq++
	}
	return l.end
}

// all calls f for each entry that is still there, oldest first. f may drop the entry.
func (l *log) all(f func(*entry)) {
	for seq := l.seek(l.first, present); seq < l.end; seq = l.seek(seq+1, present) {
		f(l.at(seq))
	}
}

func present(e *entry) bool { return e.state != gone }
