//go:build linux

package node

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"
	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"spillway/e2e/sandbox"
)

// probe runs the probes of the running incarnation until the context is done: the startup probe first, then the others
// beside each other in goroutines of the group.
func (c *container) probe(ctx context.Context, group *sync.WaitGroup) {
	if c.spec.StartupProbe != nil {
		if !c.startup(ctx) {
			return
		}
	}
	c.set(func() { c.started, c.ready = true, c.spec.ReadinessProbe == nil })
	c.upOnce.Do(func() { close(c.up) })
	if probe := c.spec.ReadinessProbe; probe != nil {
		group.Go(func() {
			c.repeat(ctx, probe, func(ok bool) bool { c.setReady(ok); return true })
		})
	}
	if probe := c.spec.LivenessProbe; probe != nil {
		group.Go(func() {
			c.repeat(ctx, probe, func(ok bool) bool { return ok || !c.condemn(ctx, "liveness") })
		})
	}
}

// startup says whether the startup probe has succeeded. When it has failed the container is killed.
func (c *container) startup(ctx context.Context) bool {
	succeeded := false
	c.repeat(ctx, c.spec.StartupProbe, func(ok bool) bool {
		if succeeded = ok; !ok {
			c.condemn(ctx, "startup")
		}
		return false
	})
	return succeeded
}

// repeat asks again and again, and reports each time that one of the thresholds is reached, until report returns false.
func (c *container) repeat(ctx context.Context, probe *core.Probe, report func(ok bool) bool) {
	wait := time.Duration(probe.InitialDelaySeconds) * time.Second
	var good, bad int32
	for {
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
		wait = time.Duration(max(probe.PeriodSeconds, 1)) * time.Second
		err := c.ask(ctx, probe)
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			good, bad = good+1, 0
		} else {
			good, bad = 0, bad+1
		}
		if good >= max(probe.SuccessThreshold, 1) && !report(true) {
			return
		}
		if bad >= max(probe.FailureThreshold, 1) {
			c.pod.log.Info("a probe fails", zap.String("container", c.spec.Name), zap.Error(err))
			if !report(false) {
				return
			}
			bad = 0
		}
	}
}

// setReady publishes a change of readiness.
func (c *container) setReady(ready bool) {
	c.mu.Lock()
	same := c.ready == ready
	c.mu.Unlock()
	if !same {
		c.set(func() { c.ready = ready })
	}
}

// condemn kills the running incarnation because of a probe, as a deletion would, and says whether it did. A container
// that is being ended already is let alone.
func (c *container) condemn(ctx context.Context, probe string) bool {
	c.mu.Lock()
	process := c.process
	c.mu.Unlock()
	if process == nil || c.isQuitting() {
		return false
	}
	c.pod.log.Warn("a container is killed by its probe", zap.String("container", c.spec.Name), zap.String("probe", probe))
	c.kill(ctx, process, time.Now().Add(specGrace(c.pod.object())))
	return true
}

// preStop runs the hook, if there is one. A hook that fails is logged, and the container is ended all the same.
func (c *container) preStop(ctx context.Context) {
	if c.spec.Lifecycle == nil || c.spec.Lifecycle.PreStop == nil {
		return
	}
	hook := c.spec.Lifecycle.PreStop
	var err error
	switch {
	case hook.Sleep != nil:
		timer := time.NewTimer(time.Duration(hook.Sleep.Seconds) * time.Second)
		defer timer.Stop()
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
	case hook.Exec != nil:
		err = c.execute(ctx, hook.Exec.Command)
	case hook.HTTPGet != nil:
		err = c.get(ctx, hook.HTTPGet)
	}
	if err != nil {
		c.pod.log.Warn("a preStop hook fails", zap.String("container", c.spec.Name), zap.Error(err))
	}
}

// ask asks once.
func (c *container) ask(ctx context.Context, probe *core.Probe) error {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(max(probe.TimeoutSeconds, 1))*time.Second)
	defer cancel()
	switch {
	case probe.HTTPGet != nil:
		return c.get(ctx, probe.HTTPGet)
	case probe.TCPSocket != nil:
		return c.dial(ctx, probe.TCPSocket)
	case probe.Exec != nil:
		return c.execute(ctx, probe.Exec.Command)
	default:
		return errors.New("the node knows the probes httpGet, tcpSocket and exec alone")
	}
}

// get asks over HTTP; a status from 200 to 399 is a success.
func (c *container) get(ctx context.Context, action *core.HTTPGetAction) error {
	host, err := c.hostPort(action.Host, action.Port)
	if err != nil {
		return err
	}
	path, err := url.Parse(action.Path)
	if err != nil {
		return fmt.Errorf("reading the probe's path: %w", err)
	}
	target := url.URL{Scheme: strings.ToLower(string(action.Scheme)), Host: host, Path: "/" + strings.TrimPrefix(path.Path, "/"), RawQuery: path.RawQuery}
	if target.Scheme == "" {
		target.Scheme = "http"
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
	if err != nil {
		return err
	}
	request.Close = true
	request.Header.Set("User-Agent", "kube-probe/1.36")
	for _, header := range action.HTTPHeaders {
		request.Header.Set(header.Name, header.Value)
		if strings.EqualFold(header.Name, "Host") {
			request.Host = header.Value
		}
	}
	client := probeClient()
	defer client.CloseIdleConnections() // Ends the dial too, which would outlive a request that gave up.
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode < http.StatusOK || response.StatusCode >= http.StatusBadRequest {
		body, _ := io.ReadAll(io.LimitReader(response.Body, 200))
		return fmt.Errorf("asking %s: %s: %s", &target, response.Status, bytes.TrimSpace(body))
	}
	return nil
}

// probeClient follows no redirection, because a kubelet takes one for a success, and trusts any certificate, as a kubelet
// does.
func probeClient() *http.Client {
	return &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}, //nolint:gosec // As a kubelet.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// dial opens a connection.
func (c *container) dial(ctx context.Context, action *core.TCPSocketAction) error {
	host, err := c.hostPort(action.Host, action.Port)
	if err != nil {
		return err
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", host)
	if err != nil {
		return err
	}
	return conn.Close()
}

// execute runs a command in the container.
func (c *container) execute(ctx context.Context, command []string) error {
	c.mu.Lock()
	process := c.process
	c.mu.Unlock()
	if process == nil {
		return errors.New("the container does not run")
	}
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, command[0], command[1:]...) //nolint:gosec // The Pod names it.
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(""), &out, &out
	cmd.WaitDelay = time.Second
	start := func() error {
		if cmd.Err != nil { // The name was looked up where this program runs.
			path, err := exec.LookPath(command[0])
			if err != nil {
				return err
			}
			cmd.Path, cmd.Err = path, nil
		}
		return cmd.Start()
	}
	if err := sandbox.InProcess(process.cmd.Process.Pid, start); err != nil {
		return fmt.Errorf("executing %q: %w", command, err)
	}
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("executing %q: %w: %s", command, err, bytes.TrimSpace(out.Bytes()))
	}
	return nil
}

// hostPort resolves a probe's port, which may be the name of one of the container's.
func (c *container) hostPort(host string, port intstr.IntOrString) (string, error) {
	if host == "" {
		host = c.pod.address.String()
	}
	if port.Type == intstr.Int {
		return net.JoinHostPort(host, strconv.Itoa(port.IntValue())), nil
	}
	for _, declared := range c.spec.Ports {
		if declared.Name == port.StrVal {
			return net.JoinHostPort(host, strconv.Itoa(int(declared.ContainerPort))), nil
		}
	}
	return "", fmt.Errorf("the container has no port %q", port.StrVal)
}
