package pki

import (
	"fmt"

	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
)

// Kubeconfig writes a kubeconfig that holds a client certificate. authority is the certificate that the server's is held against.
func Kubeconfig(path, server, authority string, client Pair) error {
	const name = "spillway-e2e"
	config := api.NewConfig()
	config.Clusters[name] = &api.Cluster{Server: server, CertificateAuthority: authority}
	config.AuthInfos[name] = &api.AuthInfo{ClientCertificate: client.Certificate, ClientKey: client.Key}
	// client-go watches files for a change in goroutines that nobody ends.
	if err := api.FlattenConfig(config); err != nil {
		return fmt.Errorf("reading the certificates of a kubeconfig: %w", err)
	}
	config.Contexts[name] = &api.Context{Cluster: name, AuthInfo: name}
	config.CurrentContext = name
	if err := clientcmd.WriteToFile(*config, path); err != nil {
		return fmt.Errorf("writing a kubeconfig: %w", err)
	}
	return nil
}
