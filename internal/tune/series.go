package tune

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"spillway/internal/fleet"
	"spillway/internal/nowcast"
)

// errNoWorker says that a page of metrics is not a worker's.
var errNoWorker = errors.New("the page has no pubsub_worker_ series; give the address of a worker, such as http://127.0.0.1:8080")

// subscription is that of the worker's only flow, or the one that was asked for.
func subscription(p *fleet.Page, want string) (string, error) {
	names := p.Subscriptions()
	list := strings.Join(names, ", ")
	switch {
	case len(names) == 0:
		return "", errNoWorker
	case want == "" && len(names) == 1:
		return names[0], nil
	case want == "":
		return "", fmt.Errorf("the worker has several flows; name one with --subscription: %s", list)
	case !slices.Contains(names, want):
		return "", fmt.Errorf("the worker has no flow of the subscription %q, but: %s", want, list)
	}
	return want, nil
}

// pod is what the law needs of a page.
func pod(p *fleet.Page, f *fleet.Flow, at time.Time) nowcast.Pod {
	return nowcast.Pod{
		Name: "worker", Ready: true, At: at,
		InFlight: f.InFlight, Slots: f.Slots, Delivered: f.Delivered, Left: f.Left, Acked: f.Acked, Nacked: f.Nacked, AckedSeconds: f.AckedSeconds,
		Frontier: unix(f.Frontier), Delivery: unix(f.Last), Connected: f.Connected != 0, Paused: f.Paused > 0,
		CPUSeconds: p.CPUSeconds, CPULimit: p.CPULimit, AllAcked: p.AllAcked(),
	}
}

func unix(seconds float64) time.Time {
	if seconds <= 0 {
		return time.Time{}
	}
	whole, part := math.Modf(seconds)
	return time.Unix(int64(whole), int64(part*1e9))
}
