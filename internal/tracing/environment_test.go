package tracing

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/zap"

	"spillway/internal/config"
)

// setenv gives the test an environment whose OTEL_ variables are these alone.
func setenv(t *testing.T, env map[string]string) {
	t.Helper()
	for _, entry := range os.Environ() {
		if name, value, _ := strings.Cut(entry, "="); strings.HasPrefix(name, "OTEL_") {
			t.Setenv(name, value) // It is put back after the test.
			if err := os.Unsetenv(name); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, value := range env {
		t.Setenv(name, value)
	}
}

func TestTheEnvironmentAloneTurnsTracingOn(t *testing.T) {
	tests := []struct {
		name string
		env  map[string]string
		on   bool
	}{
		{"nothing set", nil, false},
		{"a service's name alone", map[string]string{"OTEL_SERVICE_NAME": "offers", "OTEL_TRACES_SAMPLER": "always_on"}, false},
		{"what is wrong does not matter while it is off", map[string]string{"OTEL_TRACES_SAMPLER": "sometimes", "OTEL_BSP_MAX_QUEUE_SIZE": "many"}, false},
		{"an empty exporter", map[string]string{"OTEL_TRACES_EXPORTER": " "}, false},
		{"no exporter, in spite of an endpoint", map[string]string{"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}, false},
		{"an exporter", map[string]string{"OTEL_TRACES_EXPORTER": "otlp"}, true},
		{"the console", map[string]string{"OTEL_TRACES_EXPORTER": "console"}, true},
		{"an endpoint", map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}, true},
		{"an endpoint of traces", map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "https://127.0.0.1:4318/v1/traces"}, true},
		{"gRPC", map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4317", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, true},
		{"disabled", map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318", "OTEL_SDK_DISABLED": "TRUE"}, false},
		{"not disabled", map[string]string{"OTEL_TRACES_EXPORTER": "console", "OTEL_SDK_DISABLED": "false"}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			setenv(t, tt.env)
			got, err := New(t.Context(), "worker", zap.NewNop())
			if err != nil || (got != nil) != tt.on {
				t.Fatalf("%v, %v; want it on: %t", got, err, tt.on)
			}
			got.Close()
		})
	}
}

func TestEveryWrongVariableIsToldWithItsCure(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		key, value, want string
	}{
		{"OTEL_SDK_DISABLED", "yes", `OTEL_SDK_DISABLED "yes": is not known here; give true or false`},
		{"OTEL_TRACES_EXPORTER", "jaeger", `OTEL_TRACES_EXPORTER "jaeger": is not known here; give none, otlp or console`},
		{"OTEL_TRACES_EXPORTER", "otlp,console", `OTEL_TRACES_EXPORTER "otlp,console": is not known here; give none, otlp or console`},
		{"OTEL_PROPAGATORS", "tracecontext,b3", `OTEL_PROPAGATORS "tracecontext,b3": is not known here; give one or more of tracecontext, baggage, none`},
		{"OTEL_RESOURCE_ATTRIBUTES", "zone", `OTEL_RESOURCE_ATTRIBUTES "zone": is not a list of name=value; give one such as k8s.pod.name=worker-1,zone=a`},
		{"OTEL_RESOURCE_ATTRIBUTES", "zone=%", `OTEL_RESOURCE_ATTRIBUTES "zone=%": is not a list of name=value; give one such as k8s.pod.name=worker-1,zone=a`},
		{"OTEL_TRACES_SAMPLER", "sometimes", `OTEL_TRACES_SAMPLER "sometimes": is not known here; give always_on, always_off, traceidratio, parentbased_always_on, parentbased_always_off or parentbased_traceidratio`},
		{"OTEL_TRACES_SAMPLER_ARG", "1.5", `OTEL_TRACES_SAMPLER_ARG "1.5": is not a ratio; give 0 to 1, such as 0.1`},
		{"OTEL_TRACES_SAMPLER_ARG", "NaN", `OTEL_TRACES_SAMPLER_ARG "NaN": is not a ratio; give 0 to 1, such as 0.1`},
		{"OTEL_BSP_MAX_QUEUE_SIZE", "-1", `OTEL_BSP_MAX_QUEUE_SIZE "-1": is not such a number; give a whole number of 1 or more`},
		{"OTEL_BSP_SCHEDULE_DELAY", "5s", `OTEL_BSP_SCHEDULE_DELAY "5s": is not such a number; give a whole number of 1 or more`},
		{"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "-2", `OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT "-2": is not such a number; give a whole number of -1 or more`},
		{"OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4317", `OTEL_EXPORTER_OTLP_ENDPOINT "collector:4317": is not the URL of a collector; give one such as http://collector:4318, or http://collector:4317 with OTEL_EXPORTER_OTLP_PROTOCOL=grpc`},
		{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://", `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT "http://": is not the URL of a collector; give one such as http://collector:4318, or http://collector:4317 with OTEL_EXPORTER_OTLP_PROTOCOL=grpc`},
		{"OTEL_EXPORTER_OTLP_ENDPOINT", "http://me:secret@collector", `OTEL_EXPORTER_OTLP_ENDPOINT: has more than a host and a path; give credentials in OTEL_EXPORTER_OTLP_HEADERS`},
		{"OTEL_EXPORTER_OTLP_PROTOCOL", "http/json", `OTEL_EXPORTER_OTLP_PROTOCOL "http/json": is not known here; give grpc or http/protobuf`},
		{"OTEL_EXPORTER_OTLP_PROTOCOL", "GRPC", `OTEL_EXPORTER_OTLP_PROTOCOL "GRPC": is not known here; give grpc or http/protobuf`},
		{"OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "zstd", `OTEL_EXPORTER_OTLP_TRACES_COMPRESSION "zstd": is not known here; give gzip or none`},
		{"OTEL_EXPORTER_OTLP_INSECURE", "1", `OTEL_EXPORTER_OTLP_INSECURE "1": is not known here; give true or false`},
		{"OTEL_EXPORTER_OTLP_TIMEOUT", "10s", `OTEL_EXPORTER_OTLP_TIMEOUT "10s": is not such a number; give a whole number of 1 or more`},
		{"OTEL_EXPORTER_OTLP_HEADERS", "secret", `OTEL_EXPORTER_OTLP_HEADERS: is not a list of headers; give name=value, with a comma between two and %2C for one in a value`},
		{"OTEL_EXPORTER_OTLP_HEADERS", "x=secret%0A", `OTEL_EXPORTER_OTLP_HEADERS: is not a list of headers; give name=value, with a comma between two and %2C for one in a value`},
		{"OTEL_EXPORTER_OTLP_CERTIFICATE", "/missing.pem", `OTEL_EXPORTER_OTLP_CERTIFICATE "/missing.pem": cannot be read; give a file with certificates in PEM`},
		{"OTEL_EXPORTER_OTLP_CERTIFICATE", file, `OTEL_EXPORTER_OTLP_CERTIFICATE "` + file + `": holds no certificate; give a file with certificates in PEM`},
		{"OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", file, `OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE "` + file + `": is, with OTEL_EXPORTER_OTLP_CLIENT_KEY, no certificate and its key; give a file in PEM for each of both`},
	}
	for _, tt := range tests {
		t.Run(tt.key+" "+tt.value, func(t *testing.T) {
			env := map[string]string{"OTEL_TRACES_EXPORTER": "otlp", "OTEL_TRACES_SAMPLER": "traceidratio"}
			env[tt.key] = tt.value
			setenv(t, env)
			var errs config.Errors
			Validate(&errs)
			err := errs.Err()
			if err == nil || err.Error() != tt.want {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
			if got, err := New(t.Context(), "worker", zap.NewNop()); got != nil || err == nil || err.Error() != tt.want {
				t.Errorf("it was made: %v, %v", got, err)
			}
		})
	}
}

func TestWhatTheSpecificationAllowsIsRight(t *testing.T) {
	setenv(t, map[string]string{
		"OTEL_TRACES_EXPORTER": "otlp", "OTEL_PROPAGATORS": "tracecontext, baggage", "OTEL_RESOURCE_ATTRIBUTES": "zone=a,name=b%2Cc",
		"OTEL_TRACES_SAMPLER": "ParentBased_TraceIDRatio", "OTEL_TRACES_SAMPLER_ARG": "0.25", "OTEL_BSP_SCHEDULE_DELAY": "100",
		"OTEL_EXPORTER_OTLP_ENDPOINT": "https://collector.example/otlp", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://[::1]:4318/v1/traces",
		"OTEL_EXPORTER_OTLP_HEADERS": "authorization=Basic%20YTpi,x-tenant=shop", "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
		"OTEL_EXPORTER_OTLP_TIMEOUT": "5000", "OTEL_EXPORTER_OTLP_INSECURE": "True", "OTEL_SPAN_LINK_COUNT_LIMIT": "-1",
	})
	var errs config.Errors
	if Validate(&errs); errs.Err() != nil {
		t.Error(errs.Err())
	}
}

func TestSeveralFaultsAreToldAtOnce(t *testing.T) {
	setenv(t, map[string]string{"OTEL_TRACES_EXPORTER": "console", "OTEL_TRACES_SAMPLER": "x", "OTEL_BSP_EXPORT_TIMEOUT": "x", "OTEL_BSP_SCHEDULE_DELAY": "x"})
	var errs config.Errors
	Validate(&errs)
	var keys []string
	for _, e := range errs.All() {
		keys = append(keys, e.Key)
	}
	if got := strings.Join(keys, " "); got != "OTEL_TRACES_SAMPLER OTEL_BSP_EXPORT_TIMEOUT OTEL_BSP_SCHEDULE_DELAY" {
		t.Error(got)
	}
}
