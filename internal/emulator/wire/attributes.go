package wire

import (
	"google.golang.org/protobuf/encoding/protowire"
)

// Attributes decodes the attributes of a stored body. It returns an empty map for a message without attributes.
func Attributes(body []byte) map[string]string {
	attributes := map[string]string{}
	_ = fields(body, func(num protowire.Number, typ protowire.Type, v, _ []byte) error {
		if num != fieldAttributes || typ != protowire.BytesType {
			return nil
		}
		name, value, err := attribute(v)
		if err == nil {
			attributes[string(name)] = string(value)
		}
		return err
	})
	return attributes
}

// AppendAttribute adds an attribute to a body. A later attribute of the same name wins, as in any protobuf map.
func AppendAttribute(body []byte, name, value string) []byte {
	size := protowire.SizeTag(1) + protowire.SizeBytes(len(name)) + protowire.SizeTag(2) + protowire.SizeBytes(len(value))
	body = protowire.AppendTag(body, fieldAttributes, protowire.BytesType)
	body = protowire.AppendVarint(body, uint64(size)) //nolint:gosec // a size is never negative
	body = protowire.AppendTag(body, 1, protowire.BytesType)
	body = protowire.AppendString(body, name)
	body = protowire.AppendTag(body, 2, protowire.BytesType)
	return protowire.AppendString(body, value)
}

func attribute(entry []byte) (name, value []byte, err error) {
	err = fields(entry, func(num protowire.Number, typ protowire.Type, v, _ []byte) error {
		switch {
		case num == 1 && typ == protowire.BytesType:
			name = v
		case num == 2 && typ == protowire.BytesType:
			value = v
		}
		return nil
	})
	if err == nil {
		err = validText("attributes", name)
	}
	if err == nil {
		err = validText("attributes", value)
	}
	return name, value, err
}
