// Package overlays holds the kustomizations that the scenarios apply: the shipped ones of deploy/ with the endpoints and
// times of one machine. Their test proves that they change nothing else.
package overlays

import (
	"embed"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"spillway/deploy"
)

//go:embed */kustomization.yaml */*.yaml times-15 times-5
var overlays embed.FS

// Overlay is one kustomization of this folder and what it stands on.
type Overlay struct {
	// Name is its folder here, Shipped that below deploy/ which it stands on.
	Name, Shipped string
	// Factor is how many times faster than shipped its times are.
	Factor int
	// ByHand are the edits of the shipped files that their comments ask for: what the flow is, and which components.
	ByHand []Edit
	// Delegate says that another adapter is put behind the exporter, which takes more than an endpoint: its authority too.
	Delegate bool
	// Scaled says that the target of messages per pod is divided by the factor too.
	Scaled bool
}

// Edit replaces Old, which must be there once, in a shipped file.
type Edit struct{ File, Old, New string }

// The flow of the scenarios with one flow.
const (
	Project      = "shop"
	Subscription = "opera-sellingoffer-v1"
)

// Backlog scales on the backlog through Prometheus.
func Backlog() Overlay {
	return Overlay{Name: "backlog-15", Shipped: "generic", Factor: 15, ByHand: flow("generic/flow.yaml")}
}

// BacklogAtItsOwnPace is Backlog with nothing but endpoints changed.
func BacklogAtItsOwnPace() Overlay {
	return Overlay{Name: "backlog", Shipped: "generic", Factor: 1, ByHand: flow("generic/flow.yaml")}
}

// BacklogSidecar is Backlog with the exporter beside each worker.
func BacklogSidecar() Overlay {
	return Overlay{Name: "backlog-sidecar-15", Shipped: "generic", Factor: 15, ByHand: append(flow("generic/flow.yaml"), choose("generic", "exporter-sidecar"))}
}

// Stackdriver is deploy/gke's autoscaler answered by the exporter itself.
func Stackdriver() Overlay {
	return Overlay{Name: "stackdriver-15", Shipped: "gke-external-metrics", Factor: 15, Delegate: true, ByHand: append(flow("gke/flow.yaml"),
		Edit{"gke/flow.yaml", "spillway-worker@PROJECT.", "worker@" + Project + "."},
		Edit{"gke/flow.yaml", "spillway-exporter@PROJECT.", "exporter@" + Project + "."})}
}

// HTTPRate scales on requests.
func HTTPRate() Overlay {
	return Overlay{Name: "http-rate-15", Shipped: "generic", Factor: 15, ByHand: append(flow("generic/flow.yaml"),
		Edit{"generic/kustomization.yaml", "- ../components/hpa-backlog ", "- ../components/hpa-http-rate "})}
}

// CPU scales on what the worker computes itself, a millisecond for each message.
func CPU() Overlay {
	return Overlay{Name: "cpu-15", Shipped: "generic", Factor: 15, ByHand: append(flow("generic/flow.yaml"),
		Edit{"generic/kustomization.yaml", "- ../components/hpa-backlog ", "- ../components/hpa-cpu "},
		Edit{"generic/kustomization.yaml", "- ../components/sidecar-app ", "- ../components/handler-work "},
		Edit{"components/handler-work/kustomization.yaml", "--work-duration=50ms", "--work-cpu=1ms"})}
}

// Flows are the three flows of MESS; their subscriptions are called offer, content and image.
func Flows() Overlay {
	o := Overlay{Name: "flows-15", Shipped: "generic/mess", Factor: 15}
	for _, name := range []string{"offer", "content", "image"} {
		file := "generic/mess/" + name + "/flow.yaml"
		o.ByHand = append(o.ByHand, Edit{file, "project: PROJECT", "project: " + Project},
			Edit{file, strings.ToUpper(name) + "-SUBSCRIPTION", name})
	}
	return o
}

// PolicyBacklog and PolicyDesired differ in what the autoscaler scales on alone: messages per pod, or the pods that the
// exporter computes. It is answered by the exporter.
func PolicyBacklog() Overlay {
	return Overlay{Name: "policy-backlog-5", Shipped: "generic", Factor: 5, Scaled: true, ByHand: append(flow("generic/flow.yaml"), choose("generic", "external-metrics"))}
}

// PolicyDesired scales on desired replicas.
func PolicyDesired() Overlay {
	o := PolicyBacklog()
	o.Name, o.Scaled = "policy-desired-5", false
	o.ByHand = append(o.ByHand, Edit{"generic/kustomization.yaml", "- ../components/hpa-backlog ", "- ../components/hpa-desired-replicas "})
	return o
}

// AtItsOwnPace is one of the two with nothing but endpoints changed.
func (o Overlay) AtItsOwnPace() Overlay {
	o.Name, o.Factor, o.Scaled = "policy", 1, false
	return o
}

// All are all of them.
func All() []Overlay {
	return []Overlay{
		Backlog(), BacklogAtItsOwnPace(), BacklogSidecar(), Stackdriver(), HTTPRate(), CPU(), Flows(),
		PolicyBacklog(), PolicyDesired(), PolicyBacklog().AtItsOwnPace(), PolicyDesired().AtItsOwnPace(),
	}
}

func flow(file string) []Edit {
	return []Edit{{file, "project: PROJECT", "project: " + Project}, {file, "subscription: SUBSCRIPTION", "subscription: " + Subscription}}
}

// choose takes a component in that is listed in a comment.
func choose(folder, component string) Edit {
	return Edit{folder + "/kustomization.yaml", "# - ../components/" + component + " ", "- ../components/" + component + " "}
}

// Write writes the shipped manifests, edited by hand, and the overlays on them below dir, and returns the folders to apply:
// the shipped one and the overlay.
func Write(dir string, o Overlay) (shipped, overlay string, err error) {
	deployed, ours := filepath.Join(dir, "deploy"), filepath.Join(dir, "e2e", "overlays")
	if err := os.CopyFS(deployed, deploy.Manifests()); err != nil {
		return "", "", fmt.Errorf("writing the shipped manifests: %w", err)
	}
	if err := os.CopyFS(ours, fs.FS(overlays)); err != nil {
		return "", "", fmt.Errorf("writing the overlays: %w", err)
	}
	for _, e := range o.ByHand {
		if err := e.apply(deployed); err != nil {
			return "", "", err
		}
	}
	return filepath.Join(deployed, filepath.FromSlash(o.Shipped)), filepath.Join(ours, o.Name), nil
}

func (e Edit) apply(deployed string) error {
	name := filepath.Join(deployed, filepath.FromSlash(e.File))
	content, err := os.ReadFile(name) //nolint:gosec // A file that Write has written.
	if err != nil {
		return fmt.Errorf("editing the shipped manifests: %w", err)
	}
	if n := strings.Count(string(content), e.Old); n != 1 {
		return fmt.Errorf("editing the shipped manifests: %s has %q %d times, not once", e.File, e.Old, n)
	}
	return os.WriteFile(name, []byte(strings.Replace(string(content), e.Old, e.New, 1)), 0o600) //nolint:gosec // A file that Write has written.
}
