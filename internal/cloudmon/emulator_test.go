package cloudmon

import (
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"
	"google.golang.org/grpc"

	"spillway/internal/backlog"
	"spillway/internal/emulator/monitoring"
)

// fixed is a truth that does not move.
type fixed struct{ state monitoring.State }

func (t fixed) State(time.Time) monitoring.State { return t.state }

// TestTheEmulatorUnderstandsTheQueries holds filter, interval and view against a server that evaluates them.
func TestTheEmulatorUnderstandsTheQueries(t *testing.T) {
	const subscriptions = maxNames + 10
	var state monitoring.State
	var ids []string
	for i := range subscriptions {
		id := fmt.Sprintf("sub-%02d", i)
		ids = append(ids, id)
		state.Subscriptions = append(state.Subscriptions,
			monitoring.SubscriptionState{Project: "shop", ID: id, Undelivered: int64(i)},
			monitoring.SubscriptionState{Project: "elsewhere", ID: id, Undelivered: 1_000_000})
	}
	client, _ := dial(t, emulate(t, state))
	for name, asked := range map[string][]string{"a few by name": ids[:3], "the whole project": ids} {
		t.Run(name, func(t *testing.T) {
			want := map[backlog.Subscription]float64{}
			for i, id := range asked {
				want[backlog.Subscription{Project: "shop", ID: id}] = float64(i)
			}
			for begin := time.Now(); ; {
				now := time.Now()
				answer, err := client.Read(t.Context(), Query{
					Metric: backlog.NumUndeliveredMessages, Project: "shop", IDs: asked, Since: now.Add(-time.Minute), Until: now,
				})
				if err != nil {
					t.Fatal(err)
				}
				got := map[backlog.Subscription]float64{}
				for _, one := range answer.Series {
					got[backlog.Subscription{Project: "shop", ID: one.ID}] = one.Points[0].Value
				}
				diff := cmp.Diff(want, got)
				if diff == "" && answer.Returned == len(asked) {
					return
				}
				if time.Since(begin) > 20*time.Second {
					t.Fatalf("%d series: %s", answer.Returned, diff)
				}
			}
		})
	}
}

// emulate samples state every 10 ms and returns the address at which that can be read.
func emulate(t *testing.T, state monitoring.State) string {
	t.Helper()
	server := monitoring.New(monitoring.Options{SamplePeriod: 10 * time.Millisecond, VisibilityDelay: monitoring.NoDelay},
		fixed{state}, time.Now, zap.NewNop())
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	wire := grpc.NewServer()
	server.Register(wire)
	ended := make(chan error, 2)
	go func() { ended <- wire.Serve(ln) }()
	go func() { ended <- server.Run(t.Context()) }()
	t.Cleanup(func() {
		wire.Stop()
		for range 2 {
			if err := <-ended; err != nil {
				t.Log(err)
			}
		}
	})
	return ln.Addr().String()
}
