package store

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"

	bolt "go.etcd.io/bbolt"

	"spillway/examples/mess/product"
)

// bucket names a table of the database.
type bucket string

const (
	products bucket = "products" // ID -> product
	outbox   bucket = "outbox"   // ID -> revision to be sent
	messages bucket = "messages" // message ID -> its number
	numbers  bucket = "numbers"  // number -> message ID
)

// Outcome is what became of an update.
type Outcome string

// The outcomes.
const (
	Applied  Outcome = "applied"  // It was the newest of its part.
	Late     Outcome = "late"     // A newer version, or the same, was there before.
	Repeated Outcome = "repeated" // The very message was there before.
)

// Store is the database. It is safe for concurrent use.
type Store struct {
	db       *bolt.DB
	remember uint64
	changed  chan struct{} // capacity 1
}

// Options say how a store works.
type Options struct {
	// Remember is how many message IDs are kept; older messages are known by their versions alone.
	Remember int
}

// openLimit bounds the wait for another process that has the file.
const openLimit = 10 * time.Second

// Open opens or makes the database at path.
func Open(path string, o Options) (*Store, error) {
	db, err := bolt.Open(path, 0o600, &bolt.Options{Timeout: openLimit})
	if err != nil {
		return nil, fmt.Errorf("opening the database %s: %w", path, err)
	}
	// A transaction takes what comes within two milliseconds, so that hundreds of updates share one write to the disk.
	db.MaxBatchDelay = 2 * time.Millisecond
	err = db.Update(func(tx *bolt.Tx) error {
		for _, b := range []bucket{products, outbox, messages, numbers} {
			if _, err := tx.CreateBucketIfNotExists([]byte(b)); err != nil {
				return fmt.Errorf("making %s: %w", b, err)
			}
		}
		return nil
	})
	if err != nil {
		_ = db.Close() // nothing was written
		return nil, err
	}
	s := &Store{db: db, remember: uint64(max(1, o.Remember)), changed: make(chan struct{}, 1)}
	s.changed <- struct{}{} // Something may have been left to send.
	return s, nil
}

// Close waits for what is being written.
func (s *Store) Close() error { return s.db.Close() }

// Changed signals that there may be something to send.
func (s *Store) Changed() <-chan struct{} { return s.changed }

// Apply takes in an update. When it returns without an error, the update is on the disk, and its message may be acked.
func (s *Store) Apply(kind product.Kind, messageID string, u product.Update) (Outcome, error) {
	var outcome Outcome
	err := s.db.Batch(func(tx *bolt.Tx) error { // May be called again.
		fresh, err := s.note(tx, messageID)
		if err != nil || !fresh {
			outcome = Repeated
			return err
		}
		outcome, err = apply(tx, kind, u)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("writing an update of %s: %w", u.Product, err)
	}
	select {
	case s.changed <- struct{}{}:
	default:
	}
	return outcome, nil
}

func apply(tx *bolt.Tx, kind product.Kind, u product.Update) (Outcome, error) {
	p, err := read(tx, []byte(u.Product))
	if err != nil {
		return "", err
	}
	if !p.Take(kind, u) {
		return Late, nil
	}
	text, err := json.Marshal(p)
	if err != nil {
		return "", err
	}
	if err := put(tx, products, []byte(p.ID), text); err != nil || !p.Complete() {
		return Applied, err
	}
	return Applied, put(tx, outbox, []byte(p.ID), number(p.Revision))
}

// note remembers a message, and reports whether it has not been here. It forgets the oldest.
func (s *Store) note(tx *bolt.Tx, id string) (bool, error) {
	if tx.Bucket([]byte(messages)).Get([]byte(id)) != nil {
		return false, nil
	}
	all := tx.Bucket([]byte(numbers))
	n, err := all.NextSequence()
	if err != nil {
		return false, err
	}
	if err := all.Put(number(n), []byte(id)); err != nil {
		return false, err
	}
	if err := put(tx, messages, []byte(id), number(n)); err != nil || n <= s.remember {
		return true, err
	}
	oldest := number(n - s.remember)
	if err := tx.Bucket([]byte(messages)).Delete(all.Get(oldest)); err != nil {
		return false, err
	}
	return true, all.Delete(oldest)
}

// Pending returns up to limit products that have to be sent.
func (s *Store) Pending(limit int) ([]product.Product, error) {
	var pending []product.Product
	err := s.db.View(func(tx *bolt.Tx) error {
		cursor := tx.Bucket([]byte(outbox)).Cursor()
		for id, _ := cursor.First(); id != nil && len(pending) < limit; id, _ = cursor.Next() {
			p, err := read(tx, id)
			if err != nil {
				return err
			}
			pending = append(pending, p)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading what is to be sent: %w", err)
	}
	return pending, nil
}

// Sent notes that the products were taken as they are given. One that has changed meanwhile has to be sent again.
func (s *Store) Sent(sent []product.Product) error {
	err := s.db.Update(func(tx *bolt.Tx) error {
		waiting := tx.Bucket([]byte(outbox))
		for _, p := range sent {
			id := []byte(p.ID)
			if v := waiting.Get(id); v == nil || binary.BigEndian.Uint64(v) != p.Revision {
				continue
			}
			if err := waiting.Delete(id); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("noting what was sent: %w", err)
	}
	return nil
}

// read returns a product, or an empty one if there is none.
func read(tx *bolt.Tx, id []byte) (product.Product, error) {
	p := product.Product{ID: string(id)}
	if text := tx.Bucket([]byte(products)).Get(id); text != nil {
		if err := json.Unmarshal(text, &p); err != nil {
			return product.Product{}, fmt.Errorf("reading the product %q: %w", id, err)
		}
	}
	return p, nil
}

func put(tx *bolt.Tx, b bucket, key, value []byte) error {
	return tx.Bucket([]byte(b)).Put(key, value)
}

func number(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }
