package fault

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func effectsOf(ids ...string) []effect {
	list := make([]effect, len(ids))
	for i, id := range ids {
		list[i] = effect{visit: visit{id: id, key: id[:1]}, seq: i, at: time.Unix(int64(i), 0)}
	}
	return list
}

func TestSettlingUp(t *testing.T) {
	tests := []struct {
		name       string
		published  []string
		effects    []effect
		dead, left map[string]bool
		want       account
	}{
		{"each once", []string{"a1", "a2"}, effectsOf("a1", "a2"), nil, nil, account{published: 2, unique: 2, last: time.Unix(1, 0)}},
		{"one is nowhere", []string{"a1", "a2"}, effectsOf("a1"), nil, nil, account{published: 2, unique: 1, lost: 1, last: time.Unix(0, 0)}},
		{"one is dead-lettered, one left", []string{"a1", "a2"}, nil, map[string]bool{"a1": true}, map[string]bool{"a2": true}, account{published: 2}},
		{"one three times", []string{"a1"}, effectsOf("a1", "a1", "a1"), nil, nil, account{published: 1, unique: 1, duplicated: 2, last: time.Unix(2, 0)}},
		{"one that nobody published", []string{"a1"}, effectsOf("a1", "b1"), nil, nil, account{published: 1, unique: 2, phantom: 1, last: time.Unix(0, 0)}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := settleUp(tt.published, len(tt.published), tt.effects, tt.dead, tt.left)
			if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(account{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestRecoveryIsThatOfWhatWasThereDuringTheFault(t *testing.T) {
	got := settleUp([]string{"a1", "a2"}, 1, effectsOf("a1", "a2"), nil, nil)
	if got.last != time.Unix(0, 0) {
		t.Errorf("the last effect was at %s", got.last)
	}
}

func TestInversionsConcernFirstEffectsOfOneKey(t *testing.T) {
	published := []string{"a1", "b1", "a2", "b2", "a3"}
	tests := []struct {
		name    string
		effects []effect
		want    int
	}{
		{"in order", effectsOf("a1", "b1", "a2", "b2", "a3"), 0},
		{"keys in parallel", effectsOf("b1", "b2", "a1", "a2", "a3"), 0},
		{"a repetition is no inversion", effectsOf("a1", "a2", "a1", "a2", "a3"), 0},
		{"turned round", effectsOf("a2", "a1", "b1"), 1},
		{"in both keys", effectsOf("a3", "a1", "b2", "b1"), 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := inversions(published, tt.effects); got != tt.want {
				t.Errorf("%d keys, want %d", got, tt.want)
			}
		})
	}
}

func TestJain(t *testing.T) {
	if got := jain([]float64{3, 3, 3}); got != 1 {
		t.Errorf("equal shares give %g", got)
	}
	if got := jain([]float64{1, 0, 0, 0}); got != 0.25 {
		t.Errorf("one share of four gives %g", got)
	}
}
