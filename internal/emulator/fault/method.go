package fault

import (
	"fmt"
	"slices"
	"strings"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"google.golang.org/grpc"

	"spillway/internal/config"
)

// validateMethod refuses a method that the kind never hits: the fault would have no effect.
func (f *Fault) validateMethod() error {
	if f.Method == "" {
		return nil
	}
	methods := f.Kind.methods()
	if slices.Contains(methods, f.Method) {
		return nil
	}
	cure := "there are " + strings.Join(methods, ", ")
	if near, ok := config.Nearest(f.Method, methods); ok {
		cure = "did you mean " + near + "?"
	}
	return fmt.Errorf("%w: %s hits no method %q; %s", ErrSyntax, f.Kind, f.Method, cure)
}

// methods are the short names of what calls of the kind can hit, sorted.
func (k Kind) methods() []string {
	switch k {
	case Cut, HalfDead, Duplicate, Disorder:
		return []string{"StreamingPull"}
	case Transient:
		return []string{"Acknowledge", "ModifyAckDeadline"}
	case Lost:
		return unaryMethods()
	case Unavailable, Denied, Hang, Slow:
	}
	all := append(unaryMethods(), "StreamingPull")
	slices.Sort(all)
	return all
}

func unaryMethods() []string {
	var names []string
	for _, service := range []grpc.ServiceDesc{
		pubsubpb.Publisher_ServiceDesc, pubsubpb.Subscriber_ServiceDesc, pubsubpb.SchemaService_ServiceDesc,
	} {
		for _, m := range service.Methods {
			names = append(names, m.MethodName)
		}
	}
	slices.Sort(names)
	return names
}
