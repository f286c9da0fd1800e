//go:build linux

package node

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// hostname is the Pod's name, unless it says otherwise.
func (p *pod) hostname() string {
	object := p.object()
	if object.Spec.Hostname != "" {
		return object.Spec.Hostname
	}
	return object.Name[:min(len(object.Name), 63)] // The kernel's bound, and Kubernetes'.
}

// field returns what the downward API says at a path.
func (p *pod) field(path string) (string, error) {
	object := p.object()
	switch path {
	case "metadata.name":
		return object.Name, nil
	case "metadata.namespace":
		return object.Namespace, nil
	case "metadata.uid":
		return string(object.UID), nil
	case "metadata.labels":
		return lines(object.Labels), nil
	case "metadata.annotations":
		return lines(object.Annotations), nil
	case "spec.nodeName":
		return p.node.name, nil
	case "spec.serviceAccountName":
		return object.Spec.ServiceAccountName, nil
	case "status.podIP", "status.podIPs":
		return p.address.String(), nil
	case "status.hostIP", "status.hostIPs":
		return p.node.address().String(), nil
	}
	if key, ok := subscript(path, "metadata.labels"); ok {
		return object.Labels[key], nil
	}
	if key, ok := subscript(path, "metadata.annotations"); ok {
		return object.Annotations[key], nil
	}
	return "", fmt.Errorf("the node does not know the field %q", path)
}

// subscript returns KEY of NAME['KEY'].
func subscript(path, name string) (string, bool) {
	key, ok := strings.CutPrefix(path, name+"['")
	if !ok {
		return "", false
	}
	return strings.CutSuffix(key, "']")
}

// lines writes labels or annotations as a downwardAPI volume does.
func lines(values map[string]string) string {
	out := make([]string, 0, len(values))
	for _, key := range slices.Sorted(maps.Keys(values)) {
		out = append(out, key+"="+strconv.Quote(values[key]))
	}
	return strings.Join(out, "\n")
}

// resourceOf returns a request or a limit of a container, divided by the divisor and rounded up. What has no limit may
// use what the node has.
func resourceOf(object *core.Pod, own *core.Container, ref *core.ResourceFieldSelector) (string, error) {
	c, err := containerOf(object, own, ref.ContainerName)
	if err != nil {
		return "", err
	}
	kind, name, _ := strings.Cut(ref.Resource, ".")
	var quantity resource.Quantity
	var ok bool
	switch kind {
	case "limits":
		if quantity, ok = c.Resources.Limits[core.ResourceName(name)]; !ok {
			quantity, ok = capacity()[core.ResourceName(name)]
		}
	case "requests":
		quantity, ok = c.Resources.Requests[core.ResourceName(name)]
		ok = ok || name == string(core.ResourceCPU) || name == string(core.ResourceMemory)
	}
	if !ok {
		return "", fmt.Errorf("the node does not know the resource %q", ref.Resource)
	}
	divisor := ref.Divisor
	if divisor.IsZero() {
		divisor = resource.MustParse("1")
	}
	// In thousandths, so that a divisor of 1m divides a CPU. 2^63 thousandths are 8 PiB.
	return strconv.FormatInt((quantity.MilliValue()+divisor.MilliValue()-1)/divisor.MilliValue(), 10), nil
}

// containerOf finds the container that a reference names. None means the one that refers.
func containerOf(object *core.Pod, own *core.Container, name string) (*core.Container, error) {
	if name == "" {
		if own == nil {
			return nil, errors.New("a volume's resourceFieldRef names no container")
		}
		return own, nil
	}
	for _, list := range [][]core.Container{object.Spec.Containers, object.Spec.InitContainers} {
		for i := range list {
			if list[i].Name == name {
				return &list[i], nil
			}
		}
	}
	return nil, fmt.Errorf("there is no container %q", name)
}
