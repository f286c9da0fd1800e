package doctor

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"spillway/internal/config"
)

func TestValidate(t *testing.T) {
	tests := []struct {
		flags, target string
		want          []string // a part of each fault
	}{
		{"", "hpa/offers", nil},
		{"", "horizontalpodautoscaler/offers", nil},
		{"", "", nil},
		{"", "projects/shop/subscriptions/offers", nil},
		{"--project=shop --output=json -n shop --exporter=https://exporter:9090/x --monitoring-endpoint=https://monitoring.example.com", "offers", nil},
		{"--output=yaml", "hpa/offers", []string{`--output "yaml": is not a form; give text or json`}},
		{"--timeout=0s --fresh-for=-1s", "hpa/offers", []string{"--fresh-for", "--timeout"}},
		{"--namespace=Shop", "hpa/offers", []string{"--namespace"}},
		{"--universe-domain=https://googleapis.com", "hpa/offers", []string{`--universe-domain "https://googleapis.com": is not a domain`}},
		{"", "hpa/", []string{"does not name an autoscaler"}},
		{"", "hpa/../secrets", []string{"does not name an autoscaler"}},
		{"--project=", "offers", []string{"needs a project"}},
		{"--project=shop", "deployment/worker", []string{"want projects/P/subscriptions/S"}},
		{"--exporter=exporter:9090", "hpa/offers", []string{"--exporter: is not a URL"}},
		{"--exporter=ftp://me:s3cret@exporter", "hpa/offers", []string{"--exporter: is not a URL"}},
		{"--monitoring-endpoint=nowhere --pubsub-endpoint=8085", "hpa/offers", []string{"--monitoring-endpoint", "--pubsub-endpoint"}},
	}
	for _, tt := range tests {
		t.Run(tt.flags+" "+tt.target, func(t *testing.T) {
			o := DefaultOptions()
			fs := pflag.NewFlagSet("doctor", pflag.ContinueOnError)
			o.RegisterFlags(fs)
			if err := fs.Parse(strings.Fields(tt.flags)); err != nil {
				t.Fatal(err)
			}
			o.Target = tt.target
			_, err := New(o, io.Discard, io.Discard)
			if tt.want == nil && err != nil {
				t.Fatal(err)
			}
			for _, part := range tt.want {
				if err == nil || !strings.Contains(err.Error(), part) || strings.Contains(err.Error(), "s3cret") {
					t.Errorf("%v does not say %q", err, part)
				}
			}
			if err != nil {
				if joined, ok := err.(interface{ Unwrap() []error }); !ok || len(joined.Unwrap()) != len(tt.want) {
					t.Errorf("the faults are %v", err)
				} else if _, ok := errors.AsType[*config.Error](err); !ok {
					t.Errorf("%v is no config.Error", err)
				}
			}
		})
	}
}

func TestOneLocalServerStandsForBoth(t *testing.T) {
	tests := []struct{ pubsub, monitoring, wantPubsub, wantMonitoring string }{
		{"", "", "", ""},
		{"127.0.0.1:8085", "", "127.0.0.1:8085", "127.0.0.1:8085"},
		{"", "127.0.0.1:8085", "127.0.0.1:8085", "127.0.0.1:8085"},
		{"", "https://monitoring.example.com", "", "https://monitoring.example.com"},
		{"127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:1", "127.0.0.1:2"},
	}
	for _, tt := range tests {
		o := Options{PubsubEndpoint: tt.pubsub, MonitoringEndpoint: tt.monitoring}
		if p, m := o.endpoints(); p != tt.wantPubsub || m != tt.wantMonitoring {
			t.Errorf("%+v: %q and %q", tt, p, m)
		}
	}
}
