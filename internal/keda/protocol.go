package keda

import (
	"fmt"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
)

// service is the full name under which KEDA calls.
const service = "externalscaler.ExternalScaler"

// protocol has the messages, by what they are for.
type protocol struct {
	file                             protoreflect.FileDescriptor
	ref, active, specs, spec         protoreflect.MessageDescriptor
	valuesRequest, values, valueItem protoreflect.MessageDescriptor
}

// newProtocol compiles the description. Package, names and numbers are KEDA's, because they are what travels.
func newProtocol() (*protocol, error) {
	file, err := protodesc.NewFile(description(), nil)
	if err != nil {
		return nil, fmt.Errorf("compiling the scaler's protocol: %w", err)
	}
	m := file.Messages()
	return &protocol{
		file: file, ref: m.ByName("ScaledObjectRef"), active: m.ByName("IsActiveResponse"),
		specs: m.ByName("GetMetricSpecResponse"), spec: m.ByName("MetricSpec"),
		valuesRequest: m.ByName("GetMetricsRequest"), values: m.ByName("GetMetricsResponse"), valueItem: m.ByName("MetricValue"),
	}, nil
}

// description is the protocol as a compiled .proto file would say it.
func description() *descriptorpb.FileDescriptorProto {
	const text, number, boolean, whole = descriptorpb.FieldDescriptorProto_TYPE_STRING, descriptorpb.FieldDescriptorProto_TYPE_DOUBLE,
		descriptorpb.FieldDescriptorProto_TYPE_BOOL, descriptorpb.FieldDescriptorProto_TYPE_INT64
	ref := message("ScaledObjectRef", scalar("name", 1, text), scalar("namespace", 2, text),
		repeated("scalerMetadata", 3, "ScaledObjectRef.ScalerMetadataEntry"))
	entry := message("ScalerMetadataEntry", scalar("key", 1, text), scalar("value", 2, text))
	entry.Options = &descriptorpb.MessageOptions{MapEntry: new(true)}
	ref.NestedType = []*descriptorpb.DescriptorProto{entry}
	return &descriptorpb.FileDescriptorProto{
		Name: new("spillway/externalscaler.proto"), Package: new("externalscaler"), Syntax: new("proto3"),
		MessageType: []*descriptorpb.DescriptorProto{
			ref,
			message("IsActiveResponse", scalar("result", 1, boolean)),
			message("GetMetricSpecResponse", repeated("metricSpecs", 1, "MetricSpec")),
			message("MetricSpec", scalar("metricName", 1, text), scalar("targetSize", 2, whole), scalar("targetSizeFloat", 3, number)),
			message("GetMetricsRequest", nested("scaledObjectRef", 1, "ScaledObjectRef"), scalar("metricName", 2, text)),
			message("GetMetricsResponse", repeated("metricValues", 1, "MetricValue")),
			message("MetricValue", scalar("metricName", 1, text), scalar("metricValue", 2, whole), scalar("metricValueFloat", 3, number)),
		},
		Service: []*descriptorpb.ServiceDescriptorProto{{Name: new("ExternalScaler"), Method: []*descriptorpb.MethodDescriptorProto{
			method("IsActive", "ScaledObjectRef", "IsActiveResponse", false),
			method("StreamIsActive", "ScaledObjectRef", "IsActiveResponse", true),
			method("GetMetricSpec", "ScaledObjectRef", "GetMetricSpecResponse", false),
			method("GetMetrics", "GetMetricsRequest", "GetMetricsResponse", false),
		}}},
	}
}

func message(name string, fields ...*descriptorpb.FieldDescriptorProto) *descriptorpb.DescriptorProto {
	return &descriptorpb.DescriptorProto{Name: new(name), Field: fields}
}

func scalar(name string, number int32, kind descriptorpb.FieldDescriptorProto_Type) *descriptorpb.FieldDescriptorProto {
	return &descriptorpb.FieldDescriptorProto{
		Name: new(name), JsonName: new(name), Number: new(number), Type: kind.Enum(),
		Label: descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum(),
	}
}

func nested(name string, number int32, of string) *descriptorpb.FieldDescriptorProto {
	f := scalar(name, number, descriptorpb.FieldDescriptorProto_TYPE_MESSAGE)
	f.TypeName = new(".externalscaler." + of)
	return f
}

func repeated(name string, number int32, of string) *descriptorpb.FieldDescriptorProto {
	f := nested(name, number, of)
	f.Label = descriptorpb.FieldDescriptorProto_LABEL_REPEATED.Enum()
	return f
}

func method(name, in, out string, streams bool) *descriptorpb.MethodDescriptorProto {
	return &descriptorpb.MethodDescriptorProto{
		Name: new(name), InputType: new(".externalscaler." + in), OutputType: new(".externalscaler." + out),
		ServerStreaming: new(streams),
	}
}

// metadata reads a ScaledObjectRef.
func metadata(ref protoreflect.Message) map[string]string {
	pairs := map[string]string{}
	field := ref.Descriptor().Fields().ByName("scalerMetadata")
	ref.Get(field).Map().Range(func(key protoreflect.MapKey, value protoreflect.Value) bool {
		pairs[key.String()] = value.String()
		return true
	})
	return pairs
}

func text(m protoreflect.Message, name protoreflect.Name) string {
	return m.Get(m.Descriptor().Fields().ByName(name)).String()
}

func (p *protocol) activeMessage(active bool) proto.Message {
	m := dynamicpb.NewMessage(p.active)
	m.Set(p.active.Fields().ByName("result"), protoreflect.ValueOfBool(active))
	return m
}

// specsMessage says which metric to ask for and how much of it one replica is for. Older KEDA reads whole numbers alone.
func (p *protocol) specsMessage(name string, target float64) proto.Message {
	item := dynamicpb.NewMessage(p.spec)
	set(item, "metricName", protoreflect.ValueOfString(name))
	set(item, "targetSize", protoreflect.ValueOfInt64(whole(target)))
	set(item, "targetSizeFloat", protoreflect.ValueOfFloat64(target))
	return list(p.specs, "metricSpecs", item)
}

func (p *protocol) valuesMessage(name string, value float64) proto.Message {
	item := dynamicpb.NewMessage(p.valueItem)
	set(item, "metricName", protoreflect.ValueOfString(name))
	set(item, "metricValue", protoreflect.ValueOfInt64(whole(value)))
	set(item, "metricValueFloat", protoreflect.ValueOfFloat64(value))
	return list(p.values, "metricValues", item)
}

func set(m *dynamicpb.Message, name protoreflect.Name, value protoreflect.Value) {
	m.Set(m.Descriptor().Fields().ByName(name), value)
}

func list(of protoreflect.MessageDescriptor, field protoreflect.Name, item *dynamicpb.Message) proto.Message {
	m := dynamicpb.NewMessage(of)
	m.Mutable(of.Fields().ByName(field)).List().Append(protoreflect.ValueOfMessage(item))
	return m
}
