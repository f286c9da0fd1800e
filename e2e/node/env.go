//go:build linux

package node

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	core "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// The API server as Pods reach it: the Service "kubernetes", which has the first address.
const (
	serviceHost = "10.96.0.1"
	servicePort = "443"
)

// environment returns NAME=VALUE entries; of two with one name the later one counts, and stands alone.
func (p *pod) environment(ctx context.Context, c *core.Container) ([]string, error) {
	env := &environment{values: map[string]string{}}
	env.set("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/")
	env.set("HOSTNAME", p.hostname())
	env.set("KUBERNETES_SERVICE_HOST", serviceHost)
	env.set("KUBERNETES_SERVICE_PORT", servicePort)
	for _, from := range c.EnvFrom {
		values, err := p.source(ctx, from)
		if err != nil {
			return nil, err
		}
		for _, key := range slices.Sorted(maps.Keys(values)) {
			env.set(from.Prefix+key, values[key])
		}
	}
	for _, entry := range c.Env {
		value, ok, err := p.value(ctx, c, entry, env.list())
		if err != nil {
			return nil, fmt.Errorf("environment variable %s: %w", entry.Name, err)
		}
		if ok {
			env.set(entry.Name, value)
		}
	}
	return env.list(), nil
}

// environment keeps the order in which variables were first set.
type environment struct {
	names  []string
	values map[string]string
}

func (e *environment) set(name, value string) {
	if _, ok := e.values[name]; !ok {
		e.names = append(e.names, name)
	}
	e.values[name] = value
}

func (e *environment) list() []string {
	list := make([]string, 0, len(e.names))
	for _, name := range e.names {
		list = append(list, name+"="+e.values[name])
	}
	return list
}

// value returns the value of one variable, and whether it has one: an optional reference to nothing has none.
func (p *pod) value(ctx context.Context, c *core.Container, entry core.EnvVar, before []string) (string, bool, error) {
	from := entry.ValueFrom
	switch {
	case from == nil:
		return expand(entry.Value, before), true, nil
	case from.FieldRef != nil:
		value, err := p.field(from.FieldRef.FieldPath)
		return value, true, err
	case from.ResourceFieldRef != nil:
		value, err := resourceOf(p.object(), c, from.ResourceFieldRef)
		return value, true, err
	case from.ConfigMapKeyRef != nil:
		ref := from.ConfigMapKeyRef
		values, err := p.configMap(ctx, ref.Name, isTrue(ref.Optional))
		return keyOf(values, ref.Key, "ConfigMap "+ref.Name, isTrue(ref.Optional), err)
	case from.SecretKeyRef != nil:
		ref := from.SecretKeyRef
		values, err := p.secret(ctx, ref.Name, isTrue(ref.Optional))
		return keyOf(values, ref.Key, "Secret "+ref.Name, isTrue(ref.Optional), err)
	default:
		return "", false, fmt.Errorf("the node does not know this source: %v", from)
	}
}

// keyOf returns one value of a ConfigMap or Secret.
func keyOf(values map[string]string, key, where string, optional bool, err error) (string, bool, error) {
	if err != nil {
		return "", false, err
	}
	value, ok := values[key]
	if !ok && !optional {
		return "", false, fmt.Errorf("%s has no key %q", where, key)
	}
	return value, ok, nil
}

// source returns the variables of a whole ConfigMap or Secret.
func (p *pod) source(ctx context.Context, from core.EnvFromSource) (map[string]string, error) {
	switch {
	case from.ConfigMapRef != nil:
		return p.configMap(ctx, from.ConfigMapRef.Name, isTrue(from.ConfigMapRef.Optional))
	case from.SecretRef != nil:
		return p.secret(ctx, from.SecretRef.Name, isTrue(from.SecretRef.Optional))
	default:
		return nil, nil
	}
}

// configMap reads a ConfigMap; an optional one may be missing.
func (p *pod) configMap(ctx context.Context, name string, optional bool) (map[string]string, error) {
	object, err := p.node.opts.Client.CoreV1().ConfigMaps(p.object().Namespace).Get(ctx, name, meta.GetOptions{})
	if optional && apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading ConfigMap %s: %w", name, err)
	}
	values := maps.Clone(object.Data)
	if values == nil {
		values = map[string]string{}
	}
	for key, value := range object.BinaryData {
		values[key] = string(value)
	}
	return values, nil
}

// secret reads a Secret; an optional one may be missing.
func (p *pod) secret(ctx context.Context, name string, optional bool) (map[string]string, error) {
	object, err := p.node.opts.Client.CoreV1().Secrets(p.object().Namespace).Get(ctx, name, meta.GetOptions{})
	if optional && apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading Secret %s: %w", name, err)
	}
	values := map[string]string{}
	for key, value := range object.Data {
		values[key] = string(value)
	}
	return values, nil
}

func isTrue(b *bool) bool { return b != nil && *b }

// expand replaces $(NAME) by the variable's value. An unknown name stays as it is, and $$ is one $, so that $$(NAME)
// stays $(NAME).
func expand(text string, env []string) string {
	values := map[string]string{}
	for _, entry := range env {
		name, value, _ := strings.Cut(entry, "=")
		values[name] = value
	}
	var out strings.Builder
	for {
		dollar := strings.IndexByte(text, '$')
		if dollar < 0 || dollar == len(text)-1 {
			out.WriteString(text)
			return out.String()
		}
		out.WriteString(text[:dollar])
		text = text[dollar:]
		end := strings.IndexByte(text, ')')
		switch {
		case text[1] == '$':
			out.WriteByte('$')
			text = text[2:]
		case text[1] == '(' && end > 0:
			value, ok := values[text[2:end]]
			if !ok {
				value = text[:end+1]
			}
			out.WriteString(value)
			text = text[end+1:]
		default:
			out.WriteByte('$')
			text = text[1:]
		}
	}
}

// writeNetworkFiles writes what every container finds in /etc.
func (p *pod) writeNetworkFiles() error {
	object := p.object()
	hosts := []string{"127.0.0.1 localhost", p.address.String() + " " + p.hostname()}
	for _, alias := range object.Spec.HostAliases {
		hosts = append(hosts, alias.IP+" "+strings.Join(alias.Hostnames, " "))
	}
	resolv := "nameserver " + p.node.opts.DNS.String() + "\n" +
		"search " + object.Namespace + ".svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5\n"
	for name, content := range map[string]string{"hosts": strings.Join(hosts, "\n") + "\n", "resolv.conf": resolv} {
		if err := os.WriteFile(p.dir+"/"+name, []byte(content), 0o644); err != nil { //nolint:gosec // Containers read it.
			return fmt.Errorf("writing /etc/%s: %w", name, err)
		}
	}
	return nil
}
