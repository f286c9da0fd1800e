package export

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"os"
	"regexp"
	"strings"

	"github.com/spf13/pflag"

	"spillway/internal/config"
)

// serviceAccountToken is where a pod finds the token of its service account.
const serviceAccountToken = "/var/run/secrets/kubernetes.io/serviceaccount/token" //nolint:gosec // a path, not a credential

// ClusterOptions is how the exporter meets a cluster: whose autoscalers it watches and in which tongues it answers them.
type ClusterOptions struct {
	// Kube watches autoscalers, in Namespaces or in all. Kubeconfig names the cluster; empty means the one around.
	Kube       bool
	Namespaces []string
	Kubeconfig string

	// ExternalMetrics is the address of the external metrics API; empty means none.
	ExternalMetrics string
	// CertFile and KeyFile are its certificate. Without them it is made for Service, namespace/name, and kept in the Secret
	// of that namespace.
	CertFile, KeyFile string
	Service, Secret   string
	// Delegate is https://host:port of the adapter for other metrics; DelegateCA has its authorities in PEM, DelegateToken is
	// the file with the token by which it knows us.
	Delegate, DelegateCA, DelegateToken string

	// KEDA is the address of KEDA's external scaler protocol; empty means none. Without KEDACert it is in the clear; with
	// KEDAClientCA clients must show a certificate.
	KEDA                            string
	KEDACert, KEDAKey, KEDAClientCA string
}

func defaultClusterOptions() ClusterOptions {
	return ClusterOptions{Secret: "backlog-exporter-external-metrics", DelegateToken: serviceAccountToken}
}

func (o *ClusterOptions) registerFlags(fs *pflag.FlagSet) {
	fs.BoolVar(&o.Kube, "kube", o.Kube, "watch the cluster's HorizontalPodAutoscalers and read what they ask for")
	fs.StringArrayVar(&o.Namespaces, "kube-namespace", o.Namespaces, "namespace whose autoscalers --kube watches; all unless given; may be given several times")
	fs.StringVar(&o.Kubeconfig, "kubeconfig", o.Kubeconfig, "file that names the cluster; the cluster around unless given")
	fs.StringVar(&o.ExternalMetrics, "external-metrics", o.ExternalMetrics, "address to serve the external metrics API at, over TLS; not served unless given")
	fs.StringVar(&o.CertFile, "external-metrics-cert", o.CertFile, "file with the certificate of --external-metrics, in PEM; read again when it changes")
	fs.StringVar(&o.KeyFile, "external-metrics-key", o.KeyFile, "file with its key")
	fs.StringVar(&o.Service, "external-metrics-service", o.Service,
		"NAMESPACE/NAME of the Service in front of --external-metrics, for a certificate that is made, kept in a Secret, replaced, and trusted by the APIService")
	fs.StringVar(&o.Secret, "external-metrics-secret", o.Secret, "Secret that keeps it, in that namespace")
	fs.StringVar(&o.Delegate, "delegate", o.Delegate, "https://host:port of the adapter that --external-metrics asks for all other metrics")
	fs.StringVar(&o.DelegateCA, "delegate-ca", o.DelegateCA, "file with the authorities of its certificate, in PEM; the system's unless given")
	fs.StringVar(&o.DelegateToken, "delegate-token", o.DelegateToken, "file with the token by which it knows us")
	fs.StringVar(&o.KEDA, "keda-scaler", o.KEDA, "address to serve KEDA's external scaler protocol at; not served unless given")
	fs.StringVar(&o.KEDACert, "keda-cert", o.KEDACert, "file with the certificate of --keda-scaler, in PEM; without it the protocol is in the clear")
	fs.StringVar(&o.KEDAKey, "keda-key", o.KEDAKey, "file with its key")
	fs.StringVar(&o.KEDAClientCA, "keda-client-ca", o.KEDAClientCA, "file with the authorities of the certificates that KEDA must show; none asked for unless given")
}

// asksLater reports whether subscriptions may be named while the exporter runs.
func (o *ClusterOptions) asksLater() bool { return o.Kube || o.KEDA != "" }

// dnsName is what Kubernetes allows as the name of a namespace, a Service or, without dots, a Secret.
var dnsName = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$`)

func (o *ClusterOptions) validate(errs *config.Errors) {
	errs.Check(o.Kube || len(o.Namespaces) == 0, "--kube-namespace", strings.Join(o.Namespaces, " "), "chooses among nothing", "give --kube too")
	for _, n := range o.Namespaces {
		errs.Check(dnsName.MatchString(n), "--kube-namespace", n, "is not the name of a namespace", "give names as kubectl get namespaces shows them")
	}
	errs.Check(o.Kubeconfig == "" || o.Kube || o.ExternalMetrics != "", "--kubeconfig", o.Kubeconfig, "names a cluster that is not asked", "give --kube or --external-metrics too")
	if o.Kubeconfig != "" {
		if err := checkKubeconfig(o.Kubeconfig); err != nil {
			errs.Add("--kubeconfig", o.Kubeconfig, "names no cluster: "+strings.Join(strings.Fields(err.Error()), " "), "give a file as kubectl uses it")
		}
	}
	o.validateExternalMetrics(errs)
	o.validateKEDA(errs)
	checkCertificate(errs, "--external-metrics-cert", o.CertFile, "--external-metrics-key", o.KeyFile)
	checkCertificate(errs, "--keda-cert", o.KEDACert, "--keda-key", o.KEDAKey)
	checkAuthorities(errs, "--keda-client-ca", o.KEDAClientCA)
	checkAuthorities(errs, "--delegate-ca", o.DelegateCA)
}

// checkCertificate looks at a certificate and its key if both are given.
func checkCertificate(errs *config.Errors, certFlag, cert, keyFlag, key string) {
	if cert == "" || key == "" {
		return
	}
	certificate, found := readFile(errs, certFlag, cert)
	secret, foundKey := readFile(errs, keyFlag, key)
	if !found || !foundKey {
		return
	}
	_, err := tls.X509KeyPair(certificate, secret)
	errs.Check(err == nil, certFlag, cert, "is, with "+keyFlag+", no certificate and its key", "give a file in PEM for each of both")
}

// checkAuthorities looks at a file of certificates if one is given.
func checkAuthorities(errs *config.Errors, flag, file string) {
	if file == "" {
		return
	}
	if content, found := readFile(errs, flag, file); found {
		errs.Check(x509.NewCertPool().AppendCertsFromPEM(content), flag, file, "holds no certificate", "give a file with certificates in PEM")
	}
}

func readFile(errs *config.Errors, flag, name string) (content []byte, ok bool) {
	content, err := os.ReadFile(name) //nolint:gosec // the path is the operator's
	if wrapped, is := errors.AsType[*os.PathError](err); is {
		err = wrapped.Err
	}
	errs.Check(err == nil, flag, name, fmt.Sprintf("cannot be read: %v", err), "give a file in PEM")
	return content, err == nil
}

func (o *ClusterOptions) validateExternalMetrics(errs *config.Errors) {
	if o.ExternalMetrics == "" {
		for _, flag := range [][2]string{
			{"--external-metrics-cert", o.CertFile},
			{"--external-metrics-key", o.KeyFile},
			{"--external-metrics-service", o.Service},
			{"--delegate", config.RedactURL(o.Delegate)},
		} {
			errs.Check(flag[1] == "", flag[0], flag[1], "serves nothing", "give --external-metrics too")
		}
		o.validateDependents(errs)
		return
	}
	errs.CheckAddress("--external-metrics", o.ExternalMetrics, "give host:port or :port")
	errs.Check((o.CertFile == "") == (o.KeyFile == ""), "--external-metrics-cert", o.CertFile, "goes together with --external-metrics-key", "give both or none")
	errs.Check((o.CertFile == "") != (o.Service == ""), "--external-metrics", o.ExternalMetrics, "needs one certificate",
		"give --external-metrics-cert and --external-metrics-key, or --external-metrics-service for one that is made")
	namespace, name := o.service()
	if o.Service != "" {
		errs.Check(dnsName.MatchString(namespace) && dnsName.MatchString(name), "--external-metrics-service", o.Service, "is not a Service", "give NAMESPACE/NAME")
		errs.Check(dnsName.MatchString(o.Secret), "--external-metrics-secret", o.Secret, "is not the name of a Secret", "give its name without the namespace")
	}
	o.validateDependents(errs)
	errs.Check(o.Delegate == "" || isHTTPS(o.Delegate), "--delegate", config.RedactURL(o.Delegate), "is not https://host:port", "give the address of the adapter's Service; it is asked over TLS alone")
}

// isHTTPS reports whether a URL has a host and no credentials.
func isHTTPS(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Scheme == "https" && u.Hostname() != "" && u.User == nil
}

// validateDependents checks what means something beside another flag only.
func (o *ClusterOptions) validateDependents(errs *config.Errors) {
	usual := defaultClusterOptions()
	errs.Check(o.Service != "" || o.Secret == usual.Secret, "--external-metrics-secret", o.Secret, "keeps nothing", "give --external-metrics-service too")
	errs.Check(o.Delegate != "" || o.DelegateCA == "", "--delegate-ca", o.DelegateCA, "verifies nothing", "give --delegate too")
	errs.Check(o.Delegate != "" || o.DelegateToken == usual.DelegateToken, "--delegate-token", o.DelegateToken, "is shown to nobody", "give --delegate too")
}

func (o *ClusterOptions) validateKEDA(errs *config.Errors) {
	if o.KEDA != "" {
		errs.CheckAddress("--keda-scaler", o.KEDA, "give host:port or :port")
	}
	for _, flag := range [][2]string{{"--keda-cert", o.KEDACert}, {"--keda-key", o.KEDAKey}, {"--keda-client-ca", o.KEDAClientCA}} {
		errs.Check(o.KEDA != "" || flag[1] == "", flag[0], flag[1], "serves nothing", "give --keda-scaler too")
	}
	errs.Check((o.KEDACert == "") == (o.KEDAKey == ""), "--keda-cert", o.KEDACert, "goes together with --keda-key", "give both or none")
	errs.Check(o.KEDACert != "" || o.KEDAClientCA == "", "--keda-client-ca", o.KEDAClientCA, "needs a certificate of ours", "give --keda-cert and --keda-key")
}

// service returns the two halves of Service.
func (o *ClusterOptions) service() (namespace, name string) {
	namespace, name, _ = strings.Cut(o.Service, "/")
	return namespace, name
}
