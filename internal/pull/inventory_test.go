package pull

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"spillway/internal/backlog"
)

// received makes an item as a stream would: a message with an ordering key under an ack ID.
func received(id, ackID, key string) *item {
	it := &item{ackID: ackID, ordered: key != "", born: time.Now(), due: time.Now()}
	it.delivery.Message = backlog.Message{ID: id, OrderingKey: key, Data: make([]byte, 10)}
	return it
}

// expectNext takes what is ready, without waiting.
func expectNext(t *testing.T, in *inventory, want ...string) {
	t.Helper()
	var got []string
	for _, it := range in.pool.ready {
		got = append(got, it.delivery.ID)
	}
	in.pool.ready = nil
	if !slices.Equal(got, want) {
		t.Fatalf("ready are %v, want %v", got, want)
	}
}

// expectNacked takes the nacks that are to be sent.
func expectNacked(t *testing.T, in *inventory, want ...string) {
	t.Helper()
	_, nacks := in.out.take()
	var got []string
	for _, it := range nacks {
		got = append(got, it.delivery.ID)
	}
	if !slices.Equal(got, want) {
		t.Fatalf("nacked are %v, want %v", got, want)
	}
}

func TestARedeliveryIsNotHandledTwice(t *testing.T) {
	t.Run("while the message is out only its ack ID is renewed", func(t *testing.T) {
		in := newInventory(0, 100, nil)
		first := received("m", "ack-1", "")
		if in.add(first) != 1 || in.add(received("m", "ack-2", "")) != 0 {
			t.Fatal("the first must be new and the second not")
		}
		expectNext(t, in, "m")
		if ids := in.ids([]*item{first}); ids[0] != "ack-2" {
			t.Fatalf("the ack ID is %s", ids[0])
		}
	})
	t.Run("after an ack it is acked under its new ID too", func(t *testing.T) {
		in := newInventory(0, 100, nil)
		it := received("m", "ack-1", "")
		in.add(it)
		in.settle(it, Acked)
		if in.add(received("m", "ack-2", "")) != 0 {
			t.Fatal("an acked message is not handled again")
		}
		if again := in.remove([]*item{it}, time.Now()); len(again) != 1 || in.ids(again)[0] != "ack-2" {
			t.Fatalf("to be acked again: %v", again)
		}
		if again := in.remove([]*item{it}, time.Now()); len(again) != 0 || in.items.len() != 0 || in.bytes != 0 {
			t.Fatalf("after the second ack %d items of %d bytes are left", in.items.len(), in.bytes)
		}
	})
	t.Run("after a nack it is a new message, even before the nack is confirmed", func(t *testing.T) {
		in := newInventory(0, 100, nil)
		old := received("m", "ack-1", "")
		in.add(old)
		expectNext(t, in, "m")
		in.settle(old, Nacked)
		if in.add(received("m", "ack-2", "")) != 1 {
			t.Fatal("the redelivery of a nacked message is lost")
		}
		in.remove([]*item{old}, time.Now())
		expectNext(t, in, "m")
		if in.items.len() != 1 || in.bytes != 10 {
			t.Fatalf("%d items of %d bytes", in.items.len(), in.bytes)
		}
	})
}

func TestOrderingKeys(t *testing.T) {
	in := newInventory(0, 100, nil)
	a1, a2, a3 := received("a1", "1", "a"), received("a2", "2", "a"), received("a3", "3", "a")
	for _, it := range []*item{a1, a2, received("b1", "4", "b"), a3, received("free", "5", "")} {
		in.add(it)
	}
	expectNext(t, in, "a1", "b1", "free") // One of each key, and whatever has none.
	in.settle(a1, Acked)
	expectNext(t, in, "a2")
	in.settle(a2, Nacked)
	expectNacked(t, in, "a2", "a3") // a3 waits behind a2.
	expectNext(t, in)
	// a4 was on its way when a2 was nacked. The server delivers a2, a3 and a4 anew, in order.
	in.add(received("a4", "6", "a"))
	expectNext(t, in)
	a2 = received("a2", "7", "a")
	in.add(a2)
	in.add(received("a3", "8", "a"))
	in.add(received("a4", "9", "a"))
	expectNext(t, in, "a2")
	in.settle(a2, Acked)
	expectNext(t, in, "a3")
	if len(in.queues["a"]) != 1 {
		t.Fatalf("a4 waits once, got %d", len(in.queues["a"]))
	}
}

func TestANackedMessageThatDoesNotComeBackBlocksItsKeyOnlyForAMoment(t *testing.T) {
	in := newInventory(0, 100, nil)
	nacked := time.Now()
	a1, a2 := received("a1", "1", "a"), received("a2", "2", "a")
	in.add(a1)
	expectNext(t, in, "a1")
	in.settle(a1, Nacked) // Its last attempt: the server dead-letters it.
	in.add(a2)
	expectNacked(t, in, "a1")
	in.unblock(nacked.Add(time.Hour), false)
	expectNacked(t, in) // Until the nack is confirmed the server may send more of the key.
	begin := nacked.Add(time.Hour)
	in.remove([]*item{a1}, begin)
	expectNext(t, in)
	in.unblock(begin.Add(blockTime-1), false)
	expectNacked(t, in)
	in.unblock(begin.Add(blockTime), false)
	expectNacked(t, in, "a2")
	in.add(received("a3", "3", "a")) // It was on its way when a2 was nacked.
	expectNext(t, in)
	in.add(received("a2", "4", "a"))
	in.add(received("a3", "5", "a"))
	expectNext(t, in, "a2")
}

func TestANackedMessageThatComesBackLateGoesAheadOfWhatWasHeld(t *testing.T) {
	in := newInventory(0, 100, nil)
	begin := time.Now()
	a1, a2 := received("a1", "1", "a"), received("a2", "2", "a")
	in.add(a1)
	expectNext(t, in, "a1")
	in.settle(a1, Nacked) // The subscription's retry policy delays it.
	in.remove([]*item{a1}, begin)
	in.add(a2)
	in.unblock(begin.Add(blockTime), false)
	in.remove([]*item{a2}, begin.Add(blockTime))
	in.add(received("a1", "3", "a"))
	expectNext(t, in, "a1")
}

func TestWhatIsHeldLeavesNothingBehind(t *testing.T) {
	in := newInventory(0, 100, nil)
	begin := time.Now()
	a1, a2, again := received("a1", "1", "a"), received("a2", "2", "a"), received("a2", "3", "a")
	in.add(a1, a2)
	in.settle(a1, Nacked) // a2 is nacked with it, and comes again ahead of a1.
	in.add(again)
	in.remove([]*item{a1, a2}, begin)
	in.unblock(begin.Add(blockTime), false)
	in.remove([]*item{again}, begin)
	if in.items.len() != 0 || in.open != 0 {
		t.Fatalf("%d items are left, %d open", in.items.len(), in.open)
	}
}

func TestABlockEndsByItselfWhenNothingWasHeld(t *testing.T) {
	in := newInventory(0, 100, nil)
	begin := time.Now()
	a1 := received("a1", "1", "a")
	in.add(a1)
	expectNext(t, in, "a1")
	in.settle(a1, Nacked)
	in.remove([]*item{a1}, begin)
	in.unblock(begin.Add(blockTime), false)
	in.add(received("a2", "2", "a"))
	expectNext(t, in, "a2")
}

func TestWhatIsHeldIsGivenBackWhenReceivingEnds(t *testing.T) {
	in := newInventory(0, 100, nil)
	a1, a2 := received("a1", "1", "a"), received("a2", "2", "a")
	in.add(a1)
	expectNext(t, in, "a1")
	in.settle(a1, Nacked)
	in.add(a2)
	expectNacked(t, in, "a1")
	in.unblock(time.Now(), true)
	expectNacked(t, in, "a2")
}

func TestWhatWasNotBegunIsGivenBackAtTheEnd(t *testing.T) {
	in := newInventory(0, 100, nil)
	running, a1, a2, b1 := received("running", "0", ""), received("a1", "1", "a"), received("a2", "2", "a"), received("b1", "3", "b")
	in.add(running, a1, a2, b1)
	running.lent, b1.lent = true, true
	in.add(received("b2", "4", "b")) // It waits for b1.
	in.giveBack()
	_, nacks := in.out.take()
	if len(nacks) != 3 || running.fate != Open || b1.fate != Open || len(in.pool.ready) != 0 {
		t.Fatalf("%d nacked, %d ready; the running ones are %v and %v", len(nacks), len(in.pool.ready), running.fate, b1.fate)
	}
	in.settle(b1, Acked)
	in.add(received("late", "5", ""), received("b3", "6", "b"))
	expectNext(t, in)
	expectNacked(t, in, "late", "b3")
}

func TestTheFirstDecisionCounts(t *testing.T) {
	in := newInventory(0, 100, nil)
	it := received("m", "ack", "")
	in.add(it)
	in.settle(it, Open)
	if it.fate != Open || in.open != 1 {
		t.Fatal("Open decides nothing")
	}
	in.settle(it, Nacked)
	in.settle(it, Acked)
	acks, nacks := in.out.take()
	if len(acks) != 0 || len(nacks) != 1 || in.open != 0 {
		t.Fatalf("%d acks, %d nacks, %d open", len(acks), len(nacks), in.open)
	}
}

func TestRoomAndEmptiness(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := newInventory(0, 100, nil)
		a, b := received("a", "1", ""), received("b", "2", "")
		in.add(a)
		in.add(b)
		room, empty := make(chan struct{}), make(chan struct{})
		in.waitRoom(t.Context(), 2, 1000) // A full window is what a server may send.
		go func() { in.waitRoom(t.Context(), 1, 1000); close(room) }()
		go func() { in.waitEmpty(t.Context()); close(empty) }()
		synctest.Wait()
		if closed(room) || closed(empty) {
			t.Fatal("there is more than the window")
		}
		in.mu.Lock()
		in.settle(a, Acked)
		in.mu.Unlock()
		synctest.Wait()
		if !closed(room) || closed(empty) {
			t.Fatal("one is decided: there is room, but it is not empty")
		}
		in.remove([]*item{a, b}, time.Now())
		synctest.Wait()
		if !closed(empty) {
			t.Fatal("it is empty")
		}
	})
	synctest.Test(t, func(t *testing.T) {
		in := newInventory(0, 100, nil)
		in.add(received("a", "1", ""))
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { in.waitRoom(ctx, 100, 9); close(done) }()
		synctest.Wait()
		if closed(done) {
			t.Fatal("there is more than the byte window")
		}
		cancel()
		synctest.Wait()
		if !closed(done) {
			t.Fatal("the context ends the wait")
		}
	})
}

func closed(c chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
