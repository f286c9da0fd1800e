package demo

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"
)

func TestTheWorkersFileNamesThoseThatServe(t *testing.T) {
	w, err := newWorkersFile(sellingOffers())
	if err != nil {
		t.Fatal(err)
	}
	expect := func(targets string) {
		t.Helper()
		text, err := os.ReadFile(w.path)
		if want := `[{"targets":[` + targets + `],"labels":{"subscription":"projects/spillway-demo/subscriptions/opera-sellingoffer-v1"}}]`; string(text) != want || err != nil {
			t.Errorf("got %s, %v; want %s", text, err, want)
		}
	}
	expect("")
	members := []Member{{Name: "worker-1", Address: "127.0.0.1:1"}, {Name: "worker-2"}, {Name: "worker-3", Address: "127.0.0.1:3", Draining: true}}
	if err := w.write(members); err != nil {
		t.Fatal(err)
	}
	expect(`"127.0.0.1:1","127.0.0.1:3"`)
	if err := w.remove(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Dir(w.path)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("something is left: %v", err)
	}
	if err := w.write(nil); err == nil {
		t.Error("a file without a folder was written")
	}
}

func TestTheFleetTellsWhoServes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var served []int
		f := NewFleet(newCrew().worker, func(members []Member) error {
			n := 0
			for _, m := range members {
				if m.Address != "" {
					n++
				}
			}
			served = append(served, n)
			if n == 0 {
				return errors.New("nobody serves")
			}
			return nil
		})
		f.Scale(t.Context(), 2)
		time.Sleep(2 * time.Second)
		f.Stop(t.Context())
		if len(served) != 4 || served[0] != 1 || served[1] != 2 || served[2] != 1 || served[3] != 0 {
			t.Errorf("it told of %v", served)
		}
		if faults := f.Faults(); len(faults) != 1 || faults[0] != "nobody serves" {
			t.Errorf("faults %v", faults)
		}
	})
}
