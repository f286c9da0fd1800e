package store_test

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"spillway/examples/mess/product"
	"spillway/examples/mess/store"
)

func open(t *testing.T, path string) *store.Store {
	t.Helper()
	s, err := store.Open(path, store.Options{Remember: 100})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func apply(t *testing.T, s *store.Store, kind product.Kind, message, id string, version int64) store.Outcome {
	t.Helper()
	outcome, err := s.Apply(kind, message, product.Update{Product: id, Version: version, Data: []byte(fmt.Sprintf(`{"v":%d}`, version))})
	if err != nil {
		t.Fatal(err)
	}
	return outcome
}

func pending(t *testing.T, s *store.Store) []product.Product {
	t.Helper()
	list, err := s.Pending(1000)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestStore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	s := open(t, path)
	for _, step := range []struct {
		kind    product.Kind
		message string
		version int64
		want    store.Outcome
	}{
		{product.Offer, "m1", 2, store.Applied},
		{product.Offer, "m1", 2, store.Repeated},
		{product.Offer, "m2", 2, store.Late},
		{product.Offer, "m3", 1, store.Late},
		{product.Content, "m4", 1, store.Applied},
	} {
		if got := apply(t, s, step.kind, step.message, "p", step.version); got != step.want {
			t.Errorf("%+v: %s", step, got)
		}
	}
	if list := pending(t, s); len(list) != 0 {
		t.Errorf("an incomplete product is to be sent: %+v", list)
	}
	apply(t, s, product.Image, "m5", "p", 1)
	list := pending(t, s)
	if len(list) != 1 || list[0].Parts[product.Offer].Version != 2 || string(list[0].Parts[product.Image].Data) != `{"v":1}` {
		t.Fatalf("to be sent: %+v", list)
	}
	t.Run("what changes while it is sent is sent again", func(t *testing.T) {
		apply(t, s, product.Offer, "m6", "p", 3)
		if err := s.Sent(list); err != nil {
			t.Fatal(err)
		}
		list = pending(t, s)
		if len(list) != 1 || list[0].Parts[product.Offer].Version != 3 {
			t.Fatalf("to be sent: %+v", list)
		}
	})
	t.Run("a restart forgets nothing", func(t *testing.T) {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = open(t, path)
		<-s.Changed()
		if got := pending(t, s); len(got) != 1 || apply(t, s, product.Offer, "m6", "p", 3) != store.Repeated {
			t.Fatalf("to be sent: %+v", got)
		}
		if err := s.Sent(list); err != nil {
			t.Fatal(err)
		}
		if got := pending(t, s); len(got) != 0 {
			t.Errorf("to be sent: %+v", got)
		}
	})
	t.Run("old messages are forgotten, and known by their versions", func(t *testing.T) {
		for i := range 100 {
			apply(t, s, product.Offer, strconv.Itoa(i), "q", int64(i)+1)
		}
		if got := apply(t, s, product.Offer, "m6", "p", 3); got != store.Late {
			t.Errorf("got %s", got)
		}
	})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestAnyOrderComesToTheNewest(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "db"))
	defer s.Close()
	type message struct {
		id      string
		kind    product.Kind
		version int64
	}
	var all []message
	for _, kind := range product.Kinds() {
		for v := range int64(20) {
			m := message{fmt.Sprint(kind, v), kind, v + 1}
			all = append(all, m, m)
		}
	}
	rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	var group sync.WaitGroup
	for _, m := range all {
		group.Go(func() {
			if _, err := s.Apply(m.kind, m.id, product.Update{Product: "p", Version: m.version, Data: []byte(`{}`)}); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	list := pending(t, s)
	if len(list) != 1 {
		t.Fatalf("got %+v", list)
	}
	for _, kind := range product.Kinds() {
		if v := list[0].Parts[kind].Version; v != 20 {
			t.Errorf("%s is at %d", kind, v)
		}
	}
}
