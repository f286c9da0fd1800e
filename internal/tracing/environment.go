package tracing

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"maps"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpguts"

	"spillway/internal/config"
)

// The exporters, as OTEL_TRACES_EXPORTER names them.
const (
	none    = "none"
	otlp    = "otlp"
	console = "console"
)

const (
	protocolGRPC = "grpc"
	protocolHTTP = "http/protobuf"
)

const (
	disabledVariable    = "OTEL_SDK_DISABLED"
	exporterVariable    = "OTEL_TRACES_EXPORTER"
	propagatorsVariable = "OTEL_PROPAGATORS"
	resourceVariable    = "OTEL_RESOURCE_ATTRIBUTES"
	samplerVariable     = "OTEL_TRACES_SAMPLER"
	samplerArgVariable  = "OTEL_TRACES_SAMPLER_ARG"
)

// The variables of an exporter have a form for all signals and one for traces, which precedes the other.
const (
	anyExporter    = "OTEL_EXPORTER_OTLP_"
	tracesExporter = "OTEL_EXPORTER_OTLP_TRACES_"
)

// variable returns a variable of the environment without blanks around it; one that is empty counts as not set.
func variable(key string) string { return strings.TrimSpace(os.Getenv(key)) }

// exporterKind says which exporter the environment asks for. An endpoint alone asks for otlp.
func exporterKind() string {
	kind := variable(exporterVariable)
	switch {
	case strings.EqualFold(variable(disabledVariable), "true"):
		return none
	case kind != "":
		return kind
	case variable(anyExporter+"ENDPOINT") != "" || variable(tracesExporter+"ENDPOINT") != "":
		return otlp
	}
	return none
}

// protocol is how spans travel to the collector.
func protocol() string {
	for _, prefix := range [...]string{tracesExporter, anyExporter} {
		if p := variable(prefix + "PROTOCOL"); p != "" {
			return p
		}
	}
	return protocolHTTP
}

// Validate notes every fault of the variables that tracing reads. The SDK would only print what is wrong, and go on with a
// default. While tracing is off, the variables that could turn it on are looked at alone.
func Validate(errs *config.Errors) {
	check(errs, disabledVariable, anyCase(oneOf("true", "false")))
	check(errs, exporterVariable, oneOf(none, otlp, console))
	kind := exporterKind()
	if kind == none {
		return
	}
	check(errs, propagatorsVariable, listOf("tracecontext", "baggage", "none"))
	check(errs, resourceVariable, pairs(func(_, value string) bool { _, err := url.PathUnescape(value); return err == nil }, "k8s.pod.name=worker-1,zone=a"))
	checkSampler(errs)
	least := limits()
	for _, key := range slices.Sorted(maps.Keys(least)) {
		check(errs, key, integer(least[key]))
	}
	if kind == otlp {
		checkOTLP(errs, anyExporter)
		checkOTLP(errs, tracesExporter)
	}
}

// limits are the whole numbers that the SDK reads, and the least that each may be.
func limits() map[string]int {
	return map[string]int{
		"OTEL_BSP_SCHEDULE_DELAY": 1, "OTEL_BSP_EXPORT_TIMEOUT": 1, "OTEL_BSP_MAX_QUEUE_SIZE": 1, "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": 1,
		// -1 is no limit.
		"OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": -1, "OTEL_ATTRIBUTE_COUNT_LIMIT": -1, "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT": -1,
		"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": -1, "OTEL_SPAN_EVENT_COUNT_LIMIT": -1, "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT": -1,
		"OTEL_SPAN_LINK_COUNT_LIMIT": -1, "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT": -1,
	}
}

func checkSampler(errs *config.Errors) {
	check(errs, samplerVariable, anyCase(oneOf("always_on", "always_off", "traceidratio", "parentbased_always_on", "parentbased_always_off", "parentbased_traceidratio")))
	if !strings.HasSuffix(strings.ToLower(variable(samplerVariable)), "traceidratio") {
		return
	}
	check(errs, samplerArgVariable, rule{func(value string) bool {
		ratio, err := strconv.ParseFloat(value, 64)
		return err == nil && ratio >= 0 && ratio <= 1
	}, "is not a ratio", "give 0 to 1, such as 0.1"})
}

func checkOTLP(errs *config.Errors, prefix string) {
	checkEndpoint(errs, prefix+"ENDPOINT")
	check(errs, prefix+"PROTOCOL", oneOf(protocolGRPC, protocolHTTP))
	check(errs, prefix+"COMPRESSION", oneOf("gzip", "none"))
	check(errs, prefix+"INSECURE", anyCase(oneOf("true", "false")))
	check(errs, prefix+"TIMEOUT", integer(1))
	// Headers carry credentials: what they are is not shown.
	if headers := variable(prefix + "HEADERS"); !pairs(legalHeader, "").ok(headers) && headers != "" {
		errs.Add(prefix+"HEADERS", "", "is not a list of headers", "give name=value, with a comma between two and %2C for one in a value")
	}
	checkFile(errs, prefix+"CERTIFICATE", func(pem []byte) bool { return x509.NewCertPool().AppendCertsFromPEM(pem) })
	checkPair(errs, prefix+"CLIENT_CERTIFICATE", prefix+"CLIENT_KEY")
}

// checkEndpoint notes what is no URL of a collector. Credentials in it would be passed over, and are not shown.
func checkEndpoint(errs *config.Errors, key string) {
	value := variable(key)
	if value == "" {
		return
	}
	const cure = "give one such as http://collector:4318, or http://collector:4317 with OTEL_EXPORTER_OTLP_PROTOCOL=grpc"
	u, err := url.Parse(value)
	switch {
	case strings.ContainsAny(value, "@?#"):
		errs.Add(key, "", "has more than a host and a path", "give credentials in OTEL_EXPORTER_OTLP_HEADERS")
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
		errs.Add(key, value, "is not the URL of a collector", cure)
	}
}

func checkFile(errs *config.Errors, key string, ok func(pem []byte) bool) {
	name := variable(key)
	if name == "" {
		return
	}
	pem, err := os.ReadFile(name) //nolint:gosec // The one who runs the program names its files.
	errs.Check(err == nil, key, name, "cannot be read", "give a file with certificates in PEM")
	errs.Check(err != nil || ok(pem), key, name, "holds no certificate", "give a file with certificates in PEM")
}

func checkPair(errs *config.Errors, certificate, key string) {
	files := [2]string{variable(certificate), variable(key)}
	if files == [2]string{} {
		return
	}
	_, err := tls.LoadX509KeyPair(files[0], files[1])
	errs.Check(err == nil, certificate, files[0], "is, with "+key+", no certificate and its key", "give a file in PEM for each of both")
}

// rule is what a variable's value has to be.
type rule struct {
	ok            func(value string) bool
	problem, cure string
}

func check(errs *config.Errors, key string, r rule) {
	if value := variable(key); value != "" {
		errs.Check(r.ok(value), key, value, r.problem, r.cure)
	}
}

// oneOf takes one of some words.
func oneOf(words ...string) rule {
	return rule{func(value string) bool { return slices.Contains(words, value) }, "is not known here", "give " + orList(words)}
}

// anyCase takes what r takes, in any case, where the SDK does.
func anyCase(r rule) rule {
	return rule{func(value string) bool { return r.ok(strings.ToLower(value)) }, r.problem, r.cure}
}

// listOf takes a list of some words, with commas between them.
func listOf(words ...string) rule {
	one := oneOf(words...)
	return rule{func(value string) bool {
		for word := range strings.SplitSeq(value, ",") {
			if !one.ok(strings.TrimSpace(word)) {
				return false
			}
		}
		return true
	}, "is not known here", "give one or more of " + strings.Join(words, ", ")}
}

func integer(least int) rule {
	return rule{func(value string) bool {
		n, err := strconv.Atoi(value)
		return err == nil && n >= least
	}, "is not such a number", fmt.Sprintf("give a whole number of %d or more", least)}
}

// pairs takes a list of name=value, with commas between them.
func pairs(ok func(name, value string) bool, example string) rule {
	return rule{func(list string) bool {
		for pair := range strings.SplitSeq(list, ",") {
			name, value, found := strings.Cut(pair, "=")
			if name = strings.TrimSpace(name); !found || name == "" || !ok(name, strings.TrimSpace(value)) {
				return false
			}
		}
		return true
	}, "is not a list of name=value", "give one such as " + example}
}

// legalHeader says whether an HTTP header and a gRPC one may be so.
func legalHeader(name, value string) bool {
	value, err := url.PathUnescape(value)
	return err == nil && httpguts.ValidHeaderFieldName(name) && httpguts.ValidHeaderFieldValue(value)
}

func orList(words []string) string {
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}
