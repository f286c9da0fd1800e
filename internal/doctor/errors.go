package doctor

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"spillway/internal/doctor/cluster"
)

// maxMessage bounds what is repeated of another's words, in bytes.
const maxMessage = 400

// words makes an error fit for one line.
func words(err error) string {
	text := strings.Join(strings.Fields(err.Error()), " ")
	if errors.Is(err, context.DeadlineExceeded) {
		text = "no answer in time (" + text + ")"
	}
	if len(text) > maxMessage {
		text = strings.ToValidUTF8(text[:maxMessage], "") + "..."
	}
	return text
}

// codeOf returns the gRPC code of a call to Google. An expired or ended context has the code that it would have on the wire.
func codeOf(err error) codes.Code {
	s, ok := status.FromError(err)
	if !ok {
		s = status.FromContextError(err)
	}
	return s.Code()
}

// right is what a role of Kubernetes grants.
type right struct{ group, resource, verb, namespace string }

// rule returns the rule that is missing, as it stands in a Role or, without a namespace, in a ClusterRole.
func (r right) rule() string {
	kind := "a ClusterRole"
	if r.namespace != "" {
		kind = "a Role in namespace " + r.namespace
	}
	return fmt.Sprintf(`bind the account of the kubeconfig to %s with: {apiGroups: [%q], resources: [%q], verbs: [%q]}`, kind, r.group, r.resource, r.verb)
}

// refused judges an error of the API server that is not about what was looked for: with a right that is missing nothing
// can be said about the link.
func refused(link, about string, err error, needs right) Finding {
	switch cluster.FaultOf(err) {
	case cluster.Forbidden:
		f := skipped(link, about, "not allowed: "+words(err))
		f.Cure = needs.rule()
		return f
	case cluster.Unauthorized:
		return failed(link, about, "the API server does not know the kubeconfig's account", "sign in to the cluster anew")
	default:
		return failed(link, about, words(err), "check that the API server answers: kubectl get --raw /readyz")
	}
}

// callError is a failure whose gRPC code was told beside it.
type callError struct {
	code codes.Code
	err  error
}

// Error returns the failure's own words.
func (e *callError) Error() string { return e.err.Error() }

// Unwrap returns the failure.
func (e *callError) Unwrap() error { return e.err }

// GRPCStatus returns the code with the words.
func (e *callError) GRPCStatus() *status.Status { return status.New(e.code, e.err.Error()) }

func oneLine(text string) string { return words(errors.New(text)) }
