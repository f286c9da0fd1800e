package nowcast_test

import (
	"strings"
	"testing"
	"time"

	"spillway/internal/nowcast"
)

func TestExplanation(t *testing.T) {
	tests := []struct {
		name string
		life func(t *testing.T) nowcast.Result
		want []string
	}{
		{
			name: "behind",
			life: func(t *testing.T) nowcast.Result {
				t.Helper()
				r := newRig(t, 4)
				r.pass(200, 200, 50*time.Second)
				r.sample(40080, time.Minute)
				return r.pass(5, 200, 50*time.Second)
			},
			want: []string{
				"4 of 4 ready pods were scraped", "had waited 50.0 s: not caught up", "40080 messages, 65 s ago",
				"Arrival rate: 800.0/s, by first deliveries over the frontier's way", "(Monitoring's sample) + 800.0/s * 65 s",
				"One pod settles 200.0/s, by slots", "waiting / 60 s + 1.05 * 800.0/s) / 200.0/s", "Desired replicas: 7.5",
			},
		},
		{
			name: "Monitoring alone, nothing measured",
			life: func(t *testing.T) nowcast.Result {
				t.Helper()
				r := newRig(t, 0)
				r.in.Replicas = 2
				r.sample(500, time.Minute)
				return r.tick()
			},
			want: []string{"No worker could be scraped", "Arrival rate: not known", "is not known: none has worked yet", "Desired replicas: 2.00"},
		},
		{
			name: "nothing at all",
			life: func(t *testing.T) nowcast.Result { t.Helper(); return newRig(t, 0).tick() },
			want: []string{"Monitoring has no sample", "nothing is said"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := tt.life(t).Explanation.String()
			for _, want := range tt.want {
				if !strings.Contains(got, want) {
					t.Errorf("no %q in\n%s", want, got)
				}
			}
		})
	}
}
