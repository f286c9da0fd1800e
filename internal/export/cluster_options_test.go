package export

import (
	"strings"
	"testing"
)

func TestClusterOptions(t *testing.T) {
	const api, keda = "--external-metrics=:6443", "--keda-scaler=:9091"
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
		{name: "a delegate", args: []string{"--kube", api, "--external-metrics-service=monitoring/exporter", "--delegate=https://keda.keda.svc:443", "--delegate-ca=ca"}},
		{name: "KEDA over TLS", args: []string{keda, "--keda-cert=a", "--keda-key=b", "--keda-client-ca=c"}},

		{name: "the API alone names nobody", args: []string{api, "--external-metrics-service=monitoring/exporter"}, want: []string{"--subscription: is required"}},
		{name: "namespaces of nothing", args: []string{keda, "--kube-namespace=web"}, want: []string{`--kube-namespace "web": chooses among nothing; give --kube`}},
		{name: "no namespace", args: []string{"--kube", "--kube-namespace=We b"}, want: []string{"is not the name of a namespace"}},
		{name: "no certificate", args: []string{"--kube", api}, want: []string{"needs one certificate; give --external-metrics-cert"}},
		{name: "two certificates", args: []string{"--kube", api, "--external-metrics-cert=a", "--external-metrics-key=b", "--external-metrics-service=m/e"}, want: []string{"needs one certificate"}},
		{name: "half a certificate", args: []string{"--kube", api, "--external-metrics-cert=a"}, want: []string{"goes together with --external-metrics-key"}},
		{name: "no address", args: []string{"--kube", "--external-metrics=6443", "--external-metrics-service=m/e"}, want: []string{`--external-metrics "6443": is not an address`}},
		{name: "no Service", args: []string{"--kube", api, "--external-metrics-service=exporter"}, want: []string{"is not a Service; give NAMESPACE/NAME"}},
		{name: "no Secret", args: []string{"--kube", api, "--external-metrics-service=m/e", "--external-metrics-secret=m/e"}, want: []string{"is not the name of a Secret"}},
		{name: "a delegate in the clear", args: []string{"--kube", api, "--external-metrics-service=m/e", "--delegate=http://keda"}, want: []string{"it is asked over TLS alone"}},
		{name: "authorities of nobody", args: []string{"--kube", api, "--external-metrics-service=m/e", "--delegate-ca=a"}, want: []string{"verifies nothing"}},
		{name: "a delegate of nothing", args: []string{"--kube", "--delegate=https://keda"}, want: []string{`--delegate "https://keda": serves nothing; give --external-metrics`}},
		{name: "KEDA without an address", args: []string{"--keda-scaler=keda"}, want: []string{`--keda-scaler "keda": is not an address`}},
		{name: "KEDA's certificate alone", args: []string{"--kube", "--keda-cert=a", "--keda-key=b"}, want: []string{"serves nothing; give --keda-scaler"}},
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
