//go:build linux

package node

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"

	authentication "k8s.io/api/authentication/v1"
	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"

	"spillway/e2e/sandbox"
)

// fillVolumes writes the Pod's volumes and returns their directories by name.
func (p *pod) fillVolumes(ctx context.Context) (map[string]string, error) {
	out := map[string]string{}
	for _, volume := range p.object().Spec.Volumes {
		dir := filepath.Join(p.dir, "volumes", volume.Name)
		if err := p.fill(ctx, volume, dir); err != nil {
			return nil, fmt.Errorf("volume %s: %w", volume.Name, err)
		}
		out[volume.Name] = dir
	}
	return out, nil
}

// fill writes one volume.
func (p *pod) fill(ctx context.Context, volume core.Volume, dir string) error {
	var sources []core.VolumeProjection
	switch {
	case volume.EmptyDir != nil:
	case volume.ConfigMap != nil:
		sources = []core.VolumeProjection{{ConfigMap: &core.ConfigMapProjection{
			LocalObjectReference: volume.ConfigMap.LocalObjectReference, Items: volume.ConfigMap.Items, Optional: volume.ConfigMap.Optional,
		}}}
	case volume.Secret != nil:
		sources = []core.VolumeProjection{{Secret: &core.SecretProjection{
			LocalObjectReference: core.LocalObjectReference{Name: volume.Secret.SecretName}, Items: volume.Secret.Items, Optional: volume.Secret.Optional,
		}}}
	case volume.DownwardAPI != nil:
		sources = []core.VolumeProjection{{DownwardAPI: &core.DownwardAPIProjection{Items: volume.DownwardAPI.Items}}}
	case volume.Projected != nil:
		sources = volume.Projected.Sources
	default:
		return errors.New("the node knows emptyDir, configMap, secret, downwardAPI and projected alone")
	}
	files := map[string]string{}
	for _, source := range sources {
		more, err := p.project(ctx, source)
		if err != nil {
			return err
		}
		maps.Copy(files, more)
	}
	return writeFiles(dir, files)
}

// project returns the files of one source by their paths.
func (p *pod) project(ctx context.Context, source core.VolumeProjection) (map[string]string, error) {
	switch {
	case source.ConfigMap != nil:
		optional := isTrue(source.ConfigMap.Optional)
		values, err := p.configMap(ctx, source.ConfigMap.Name, optional)
		if err != nil {
			return nil, err
		}
		return pick(values, source.ConfigMap.Items, "ConfigMap "+source.ConfigMap.Name, optional)
	case source.Secret != nil:
		optional := isTrue(source.Secret.Optional)
		values, err := p.secret(ctx, source.Secret.Name, optional)
		if err != nil {
			return nil, err
		}
		return pick(values, source.Secret.Items, "Secret "+source.Secret.Name, optional)
	case source.DownwardAPI != nil:
		return p.downward(source.DownwardAPI.Items)
	case source.ServiceAccountToken != nil:
		return p.token(ctx, source.ServiceAccountToken)
	default:
		return nil, errors.New("the node does not know this kind of projection")
	}
}

// pick chooses the keys that the items name, or all of them.
func pick(values map[string]string, items []core.KeyToPath, where string, optional bool) (map[string]string, error) {
	if len(items) == 0 {
		return values, nil
	}
	files := map[string]string{}
	for _, item := range items {
		value, ok := values[item.Key]
		if !ok && !optional {
			return nil, fmt.Errorf("%s has no key %q", where, item.Key)
		}
		if ok {
			files[item.Path] = value
		}
	}
	return files, nil
}

// downward returns the files of a downwardAPI source.
func (p *pod) downward(items []core.DownwardAPIVolumeFile) (map[string]string, error) {
	files := map[string]string{}
	for _, item := range items {
		var err error
		switch {
		case item.FieldRef != nil:
			files[item.Path], err = p.field(item.FieldRef.FieldPath)
		case item.ResourceFieldRef != nil:
			files[item.Path], err = resourceOf(p.object(), nil, item.ResourceFieldRef)
		}
		if err != nil {
			return nil, err
		}
	}
	return files, nil
}

// token asks for a token of the Pod's ServiceAccount.
func (p *pod) token(ctx context.Context, projection *core.ServiceAccountTokenProjection) (map[string]string, error) {
	object := p.object()
	request := &authentication.TokenRequest{Spec: authentication.TokenRequestSpec{
		ExpirationSeconds: projection.ExpirationSeconds,
		BoundObjectRef:    &authentication.BoundObjectReference{APIVersion: "v1", Kind: "Pod", Name: object.Name, UID: object.UID},
	}}
	if projection.Audience != "" {
		request.Spec.Audiences = []string{projection.Audience}
	}
	accounts := p.node.opts.Client.CoreV1().ServiceAccounts(object.Namespace)
	answer, err := accounts.CreateToken(ctx, object.Spec.ServiceAccountName, request, meta.CreateOptions{})
	if err != nil {
		return nil, fmt.Errorf("asking for a token of ServiceAccount %s: %w", object.Spec.ServiceAccountName, err)
	}
	return map[string]string{projection.Path: answer.Status.Token}, nil
}

// writeFiles writes the files of a volume.
func writeFiles(dir string, files map[string]string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // A container reads it.
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	for path, content := range files {
		if err := root.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := root.WriteFile(path, []byte(content), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// mounts says what of the Pod's volumes a container sees, and the files that name it and its DNS.
func (p *pod) mounts(c *core.Container) ([]sandbox.Mount, error) {
	mounts := []sandbox.Mount{
		{Source: filepath.Join(p.dir, "hosts"), Target: "/etc/hosts", ReadOnly: true},
		{Source: filepath.Join(p.dir, "resolv.conf"), Target: "/etc/resolv.conf", ReadOnly: true},
	}
	writable := map[string]bool{}
	for _, volume := range p.object().Spec.Volumes {
		writable[volume.Name] = volume.EmptyDir != nil
	}
	for _, mount := range c.VolumeMounts {
		dir, ok := p.volumes[mount.Name]
		if !ok {
			return nil, fmt.Errorf("there is no volume %q", mount.Name)
		}
		source := filepath.Join(dir, mount.SubPath)
		if _, err := os.Stat(source); err != nil {
			if err := os.MkdirAll(source, 0o755); err != nil { //nolint:gosec // A container reads it.
				return nil, err
			}
		}
		mounts = append(mounts, sandbox.Mount{Source: source, Target: mount.MountPath, ReadOnly: mount.ReadOnly || !writable[mount.Name]})
	}
	return mounts, nil
}
