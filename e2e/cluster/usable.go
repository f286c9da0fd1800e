//go:build linux

package cluster

import (
	"context"
	"errors"
	"fmt"
	"time"

	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"

	"spillway/e2e/process"
)

// usableWithin bounds the wait of awaitUsable.
const usableWithin = time.Minute

// awaitUsable waits until a Pod that is made can run: the nodes are Ready and take Pods, and the default ServiceAccount
// is there.
func (c *Cluster) awaitUsable(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, usableWithin)
	defer cancel()
	return process.Eventually(ctx, nil, func(ctx context.Context) error {
		nodes, err := c.client.CoreV1().Nodes().List(ctx, meta.ListOptions{})
		if err != nil {
			return fmt.Errorf("listing the nodes: %w", err)
		}
		var errs []error
		for _, n := range nodes.Items {
			errs = append(errs, takesPods(n))
		}
		if _, err := c.client.CoreV1().ServiceAccounts(core.NamespaceDefault).Get(ctx, "default", meta.GetOptions{}); err != nil {
			errs = append(errs, fmt.Errorf("reading the default ServiceAccount: %w", err))
		}
		return errors.Join(errs...)
	})
}

// takesPods says why a node takes no Pods.
func takesPods(n core.Node) error {
	for _, taint := range n.Spec.Taints {
		return fmt.Errorf("%s has the taint %s", n.Name, taint.Key)
	}
	for _, condition := range n.Status.Conditions {
		if condition.Type == core.NodeReady && condition.Status == core.ConditionTrue {
			return nil
		}
	}
	return fmt.Errorf("%s is not ready", n.Name)
}
