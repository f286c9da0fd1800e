package page

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// rows writes a track's values as JSON, where unknown values can be seen.
func rows(t *testing.T, tr *track) string {
	t.Helper()
	text, err := json.Marshal(tr.since(0))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestTheTrack(t *testing.T) {
	u := Unknown()
	tests := []struct {
		name string
		do   func(*track)
		from int
		want string
	}{
		{"nothing", func(*track) {}, 0, `[]`},
		{"one step each", func(tr *track) { tr.put(0, []Value{1, 5}); tr.put(1, []Value{3, 4}) }, 0, `[[1,5],[3,4]]`},
		{"the same step: the mean, and the most", func(tr *track) {
			tr.put(0, []Value{1, 5})
			tr.put(0, []Value{3, 4})
			tr.put(0, []Value{5, 1})
		}, 0, `[[3,5]]`},
		{"steps that were left out are unseen, not 0", func(tr *track) { tr.put(0, []Value{1, 1}); tr.put(2, []Value{2, 2}) }, 0, `[[1,1],null,[2,2]]`},
		{"it begins where it was first seen", func(tr *track) { tr.put(7, []Value{1, 1}) }, 7, `[[1,1]]`},
		{"unknown yields to known", func(tr *track) { tr.put(0, []Value{u, u}); tr.put(0, []Value{2, u}); tr.put(0, []Value{u, 3}) }, 0, `[[2,3]]`},
		{"unknown stays unknown", func(tr *track) { tr.put(0, []Value{u, 0}) }, 0, `[[null,0]]`},
		{"halved", func(tr *track) {
			for i := range 5 {
				tr.put(i, []Value{Value(i), Value(i)})
			}
			tr.halve()
		}, 0, `[[0.5,1],[2.5,3],[4,4]]`},
		{"halved, from an odd step on", func(tr *track) {
			for i := range 3 {
				tr.put(7+i, []Value{Value(i), Value(i)})
			}
			tr.halve()
		}, 3, `[[0,0],[1.5,2]]`},
		{"weights are kept", func(tr *track) {
			tr.put(0, []Value{0, 0})
			tr.put(0, []Value{0, 0})
			tr.put(1, []Value{3, 3})
			tr.halve()
		}, 0, `[[1,3]]`},
		{"the first are forgotten", func(tr *track) {
			for i := range 4 {
				tr.put(3+i, []Value{Value(i), Value(i)})
			}
			tr.forget(5)
		}, 0, `[[2,2],[3,3]]`},
		{"one that begins later only moves", func(tr *track) { tr.put(9, []Value{1, 1}); tr.forget(5) }, 4, `[[1,1]]`},
		{"all are forgotten", func(tr *track) { tr.put(1, []Value{1, 1}); tr.forget(5) }, 0, `[]`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tr := &track{columns: []merge{mean, most}}
			tt.do(tr)
			if diff := cmp.Diff(tt.want, rows(t, tr)); diff != "" {
				t.Error(diff)
			}
			if tr.from != tt.from {
				t.Errorf("it begins at %d, want %d", tr.from, tt.from)
			}
		})
	}
}
