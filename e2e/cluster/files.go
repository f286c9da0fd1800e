//go:build linux

package cluster

import (
	"crypto/x509/pkix"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"spillway/e2e/network"
	"spillway/e2e/pki"
)

// The clients of the API server that have a kubeconfig.
const (
	admin             = "admin"
	controllerManager = "controller-manager"
	scheduler         = "scheduler"
)

// files are the certificates, keys and kubeconfigs of a cluster.
type files struct {
	authority     pki.Pair // of servers and clients
	frontAuthor   pki.Pair // of the API server as a client of aggregated APIs
	front         pki.Pair
	apiServer     pki.Pair
	kubeletClient pki.Pair
	accounts      pki.Pair // signs the tokens of ServiceAccounts
	nodes         []pki.Pair
	kubeconfigs   map[string]string
}

// makeFiles writes them into dir.
func makeFiles(dir string, nodes int, now time.Time) (files, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return files{}, fmt.Errorf("making the certificates' directory: %w", err)
	}
	m := maker{dir: dir, now: now}
	authority, front := m.authority("ca"), m.authority("front-ca")
	f := files{kubeconfigs: map[string]string{}}
	if m.err == nil {
		f.authority, f.frontAuthor = authority.Pair(), front.Pair()
	}
	f.front = m.issue(front, "front", pkix.Name{CommonName: frontName})
	f.apiServer = m.issue(authority, "apiserver", pkix.Name{CommonName: "kube-apiserver"},
		"127.0.0.1", Address, kubernetesAddress, "localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local")
	f.kubeletClient = m.issue(authority, "kubelet-client", pkix.Name{Organization: []string{masters}, CommonName: "kube-apiserver-kubelet-client"})
	for number := 1; number <= nodes; number++ {
		name := "node-" + strconv.Itoa(number)
		f.nodes = append(f.nodes, m.issue(authority, name, pkix.Name{CommonName: name}, network.Node(number).String(), name))
	}
	for name, subject := range map[string]pkix.Name{
		admin:             {Organization: []string{masters}, CommonName: "admin"},
		controllerManager: {CommonName: "system:kube-controller-manager"},
		scheduler:         {CommonName: "system:kube-scheduler"},
	} {
		f.kubeconfigs[name] = m.kubeconfig(name, f.authority, m.issue(authority, name, subject))
	}
	if m.err == nil {
		f.accounts, m.err = pki.SigningKey(dir, "accounts")
	}
	return f, m.err
}

const (
	masters   = "system:masters"
	frontName = "front-proxy-client"
)

// maker makes files until the first error, which it keeps.
type maker struct {
	dir string
	now time.Time
	err error
}

func (m *maker) authority(name string) *pki.Authority {
	if m.err != nil {
		return nil
	}
	var authority *pki.Authority
	authority, m.err = pki.NewAuthority(m.dir, name, m.now)
	return authority
}

func (m *maker) issue(authority *pki.Authority, name string, subject pkix.Name, addresses ...string) pki.Pair {
	if m.err != nil {
		return pki.Pair{}
	}
	var pair pki.Pair
	pair, m.err = authority.Issue(name, subject, m.now, addresses...)
	return pair
}

func (m *maker) kubeconfig(name string, authority, client pki.Pair) string {
	path := filepath.Join(m.dir, name+".kubeconfig")
	if m.err == nil {
		m.err = pki.Kubeconfig(path, "https://"+apiServerAddress, authority.Certificate, client)
	}
	return path
}
