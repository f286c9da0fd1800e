package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"time"

	"spillway/examples/mess/product"
)

// message is what is published.
type message struct {
	kind product.Kind
	body []byte
}

// plan is everything that is published, in this order, and what it has to come to.
type plan struct {
	messages []message
	// useless is how many of them are no updates, and repeated how many come a second time.
	useless, repeated int
	products          int
	newest            map[part]int64
}

type part struct {
	id   string
	kind product.Kind
}

// The shares of what is published: four fifths are offers, as prices and stock change most.
const (
	repeatedShare = 0.02
	uselessEach   = 5 // of a kind
	shuffled      = 500
)

// newPlan makes updates of so many products, each of which gets every part at least once. Neighbours are shuffled, so that
// some updates come after newer ones.
func newPlan(updates, products int, seed uint64) plan {
	rnd := rand.New(rand.NewPCG(seed, 2)) //nolint:gosec // A run is to be repeatable.
	p := plan{products: products, newest: map[part]int64{}}
	kinds := product.Kinds()
	for i := range updates {
		at := part{fmt.Sprintf("p-%06d", i%products), product.Offer}
		switch {
		case i < len(kinds)*products:
			at.kind = kinds[i/products]
		default:
			at.id = fmt.Sprintf("p-%06d", rnd.IntN(products))
			if rnd.IntN(5) == 0 {
				at.kind = kinds[1+rnd.IntN(2)]
			}
		}
		p.newest[at]++
		m := message{at.kind, encode(product.Update{Product: at.id, Version: p.newest[at], Data: json.RawMessage(truth(at.id, at.kind, p.newest[at]))})}
		p.messages = append(p.messages, m)
		if rnd.Float64() < repeatedShare {
			p.messages = append(p.messages, m)
			p.repeated++
		}
	}
	for _, kind := range kinds {
		for range uselessEach {
			p.messages = append(p.messages, message{kind, []byte("not an update")})
			p.useless++
		}
	}
	for begin := 0; begin < len(p.messages); begin += shuffled {
		some := p.messages[begin:min(begin+shuffled, len(p.messages))]
		rnd.Shuffle(len(some), func(i, j int) { some[i], some[j] = some[j], some[i] })
	}
	return p
}

func encode(u product.Update) []byte {
	body, err := json.Marshal(u)
	if err != nil {
		panic(err) // strings, a number and what truth wrote
	}
	return body
}

// truth is a part's data at a version.
func truth(id string, kind product.Kind, version int64) string {
	return fmt.Sprintf(`{"is":"%s of %s at version %d"}`, kind, id, version)
}

// version is the newest one of a part.
func (p plan) version(id string, kind product.Kind) int64 { return p.newest[part{id, kind}] }

// due is how many messages have to be published after a share of the time: a quiet fifth, then three times as many
// for as long as it takes, and quiet again. At the end it is everything.
func (p plan) due(elapsed, lasting time.Duration) int {
	const begin, end, times = 0.2, 0.6, 3.0
	x := elapsed.Seconds() / lasting.Seconds()
	if x >= 1 {
		return len(p.messages)
	}
	burst := max(0, min(x, end)-begin)
	share := (x + (times-1)*burst) / (1 + (times-1)*(end-begin))
	return int(share * float64(len(p.messages)))
}
