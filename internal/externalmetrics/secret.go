package externalmetrics

import (
	"context"
	"fmt"

	"go.uber.org/zap"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	bundleKey     = "ca.crt"
	maxSecretSize = 64 << 10
)

// stored returns the pair in the Secret, after it was made anew if that was due.
func (k *Keeper) stored(ctx context.Context) (*pair, error) {
	client := k.secrets.CoreV1().Secrets(k.opts.Namespace)
	secret, err := client.Get(ctx, k.opts.Secret, metav1.GetOptions{})
	found := !apierrors.IsNotFound(err)
	if err != nil && found {
		return nil, fmt.Errorf("reading the secret %s/%s: %w", k.opts.Namespace, k.opts.Secret, err)
	}
	if !found {
		secret = &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: k.opts.Namespace, Name: k.opts.Secret}, Type: corev1.SecretTypeOpaque}
	}
	have := &pair{cert: secret.Data[corev1.TLSCertKey], key: secret.Data[corev1.TLSPrivateKeyKey], bundle: secret.Data[bundleKey]}
	if len(have.cert)+len(have.key)+len(have.bundle) > maxSecretSize {
		return nil, fmt.Errorf("the secret %s/%s is larger than a certificate can be", k.opts.Namespace, k.opts.Secret)
	}
	why := have.good(k.names(), k.now(), renewal)
	if why == nil {
		return have, nil
	}
	made, err := newPair(k.names(), have.bundle, k.now())
	if err != nil {
		return nil, err
	}
	secret.Data = map[string][]byte{corev1.TLSCertKey: made.cert, corev1.TLSPrivateKeyKey: made.key, bundleKey: made.bundle}
	if found {
		_, err = client.Update(ctx, secret, metav1.UpdateOptions{})
	} else {
		_, err = client.Create(ctx, secret, metav1.CreateOptions{})
	}
	if err != nil { // a conflict means that another replica was first; the next turn reads what it wrote
		return nil, fmt.Errorf("writing the secret %s/%s: %w", k.opts.Namespace, k.opts.Secret, err)
	}
	k.log.Info("made a serving certificate", zap.String("because", why.Error()))
	return made, nil
}

// names are those under which the API server reaches the Service.
func (k *Keeper) names() []string {
	short := k.opts.Service + "." + k.opts.Namespace + ".svc"
	return []string{short, short + ".cluster.local"}
}
