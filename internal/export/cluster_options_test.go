package export

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"strings"
	"testing"
)

// writeCertificate writes a certificate and its key.
func writeCertificate(t *testing.T, cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"exporter"}}
	signed, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: signed}, key: {Type: "PRIVATE KEY", Bytes: encoded}} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestClusterOptions(t *testing.T) {
	const api, keda = "--external-metrics=:6443", "--keda-scaler=:9091"
	t.Chdir(t.TempDir())
	writeCertificate(t, "a", "b")
	writeCertificate(t, "c", "other key")
	for name, content := range map[string]string{"no PEM": "\x00", "empty": ""} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	tests := []struct {
		name string
		args []string
		want []string // what the lines contain, in order
	}{
		{name: "in a cluster nobody needs to be named", args: []string{"--kube"}},
		{name: "nor with KEDA", args: []string{keda}},
		{name: "chosen namespaces", args: []string{"--kube", "--kube-namespace=web", "--kube-namespace=batch"}},
		{name: "certificates from files", args: []string{"--kube", api, "--external-metrics-cert=a", "--external-metrics-key=b"}},
		{name: "a certificate that is made", args: []string{"--kube", api, "--external-metrics-service=monitoring/exporter"}},
		{name: "a delegate", args: []string{"--kube", api, "--external-metrics-service=monitoring/exporter", "--delegate=https://keda.keda.svc:443", "--delegate-ca=c"}},
		{name: "KEDA over TLS", args: []string{keda, "--keda-cert=a", "--keda-key=b", "--keda-client-ca=c"}},

		{name: "the API alone names nobody", args: []string{api, "--external-metrics-service=monitoring/exporter"}, want: []string{"--subscription: is required"}},
		{name: "namespaces of nothing", args: []string{keda, "--kube-namespace=web"}, want: []string{`--kube-namespace "web": chooses among nothing; give --kube`}},
		{name: "no namespace", args: []string{"--kube", "--kube-namespace=We b"}, want: []string{"is not the name of a namespace"}},
		{name: "no certificate", args: []string{"--kube", api}, want: []string{"needs one certificate; give --external-metrics-cert"}},
		{name: "two certificates", args: []string{"--kube", api, "--external-metrics-cert=a", "--external-metrics-key=b", "--external-metrics-service=m/e"}, want: []string{"needs one certificate"}},
		{name: "certificates that are not there", args: []string{keda, "--keda-cert=none", "--keda-key=no key", "--keda-client-ca=no CA", "--kube", api, "--external-metrics-cert=.", "--external-metrics-key=b"}, want: []string{
			`--external-metrics-cert ".": cannot be read: is a directory; give a file in PEM`, `--keda-cert "none": cannot be read: no such file`, `--keda-key "no key": cannot be read`, `--keda-client-ca "no CA": cannot be read`,
		}},
		{name: "files that are no certificates", args: []string{keda, "--keda-cert=no PEM", "--keda-key=b", "--keda-client-ca=b"}, want: []string{
			`--keda-cert "no PEM": is, with --keda-key, no certificate and its key; give a file in PEM for each of both`, `--keda-client-ca "b": holds no certificate`,
		}},
		{name: "the key of another certificate", args: []string{keda, "--keda-cert=a", "--keda-key=other key"}, want: []string{`--keda-cert "a": is, with --keda-key, no certificate`}},
		{name: "a cluster that nobody asks", args: []string{keda, "--kubeconfig=empty"}, want: []string{`--kubeconfig "empty": names a cluster that is not asked; give --kube`, "names no cluster"}},
		{name: "kubeconfigs that name no cluster", args: []string{"--kube", "--kubeconfig=none"}, want: []string{`--kubeconfig "none": names no cluster: stat none: no such file or directory; give a file as kubectl uses it`}},
		{name: "an empty one", args: []string{"--kube", "--kubeconfig=empty"}, want: []string{`--kubeconfig "empty": names no cluster: invalid configuration`}},
		{name: "what goes with flags that are not there", args: []string{"--kube", "--external-metrics-secret=s", "--delegate-ca=c", "--delegate-token=a"}, want: []string{
			`--external-metrics-secret "s": keeps nothing; give --external-metrics-service`, `--delegate-ca "c": verifies nothing; give --delegate`, `--delegate-token "a": is shown to nobody; give --delegate`,
		}},
		{name: "a delegate without a host", args: []string{"--kube", api, "--external-metrics-service=m/e", "--delegate=https://"}, want: []string{"is not https://host:port"}},
		{name: "a delegate with a password", args: []string{"--kube", api, "--external-metrics-service=m/e", "--delegate=https://u:secret@keda"}, want: []string{`--delegate "https://u:xxxxx@keda": is not https://host:port`}},
		{name: "half a certificate", args: []string{"--kube", api, "--external-metrics-cert=a"}, want: []string{"goes together with --external-metrics-key"}},
		{name: "no address", args: []string{"--kube", "--external-metrics=6443", "--external-metrics-service=m/e"}, want: []string{`--external-metrics "6443": is not an address`}},
		{name: "no Service", args: []string{"--kube", api, "--external-metrics-service=exporter"}, want: []string{"is not a Service; give NAMESPACE/NAME"}},
		{name: "no Secret", args: []string{"--kube", api, "--external-metrics-service=m/e", "--external-metrics-secret=m/e"}, want: []string{"is not the name of a Secret"}},
		{name: "a delegate in the clear", args: []string{"--kube", api, "--external-metrics-service=m/e", "--delegate=http://keda"}, want: []string{"it is asked over TLS alone"}},
		{name: "authorities of nobody", args: []string{"--kube", api, "--external-metrics-service=m/e", "--delegate-ca=a"}, want: []string{"verifies nothing"}},
		{name: "a delegate of nothing", args: []string{"--kube", "--delegate=https://keda"}, want: []string{`--delegate "https://keda": serves nothing; give --external-metrics`}},
		{name: "KEDA without an address", args: []string{"--keda-scaler=keda"}, want: []string{`--keda-scaler "keda": is not an address`}},
		{name: "KEDA's certificate alone", args: []string{"--kube", "--keda-cert=a", "--keda-key=b"}, want: []string{`--keda-cert "a": serves nothing; give --keda-scaler`, `--keda-key "b": serves nothing`}},
		{name: "half of it", args: []string{keda, "--keda-key=b"}, want: []string{"goes together with --keda-key"}},
		{name: "clients to verify in the clear", args: []string{keda, "--keda-client-ca=c"}, want: []string{"needs a certificate of ours"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			opts := parse(t, tt.args...)
			err := opts.Validate()
			if len(tt.want) == 0 {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if err == nil {
				t.Fatal("it is taken")
			}
			lines := strings.Split(err.Error(), "\n")
			if len(lines) != len(tt.want) {
				t.Fatalf("want %d lines:\n%v", len(tt.want), err)
			}
			for i, line := range lines {
				if !strings.Contains(line, tt.want[i]) {
					t.Errorf("got  %s\nwant %s", line, tt.want[i])
				}
			}
		})
	}
}
