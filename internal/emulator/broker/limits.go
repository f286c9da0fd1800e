package broker

import (
	"spillway/internal/emulator/wire"
)

func validateMessages(messages []wire.Message) error {
	if len(messages) == 0 {
		return invalid("The publish request has no messages: field messages is empty.")
	}
	if err := atMost("message_count", len(messages), MaxPublishMessages); err != nil {
		return err
	}
	total := 0
	for i := range messages {
		m := &messages[i]
		if err := validateMessage(m); err != nil {
			return err
		}
		if m.Key != messages[0].Key {
			return invalid("In a single publish request, all messages must have no ordering key or the same one: " +
				"field messages.ordering_key differs.")
		}
		total += m.Size
	}
	return atMost("request_size", total, MaxPublishBytes)
}

func validateMessage(m *wire.Message) error {
	if m.DataSize == 0 && m.Attributes == 0 {
		return invalid("One or more messages in the publish request is empty. Each message must contain either non-empty " +
			"data, or at least one attribute.")
	}
	if m.EmptyName || m.ReservedName != "" {
		return invalid("The request has a message with an invalid key in field message.attributes: %q. A key must not be empty "+
			"and must not begin with \"goog\", in any case.", clip(m.ReservedName))
	}
	for _, check := range []struct {
		field        string
		value, limit int
	}{
		{"message_size", m.Size, MaxPublishBytes},
		{"message.attributes count", m.Attributes, maxAttributes},
		{"message.attributes key size", m.LongestName, maxAttributeName},
		{"message.attributes value size", m.LongestValue, maxAttributeValue},
		{"message.ordering_key size", len(m.Key), maxOrderingKey},
	} {
		if check.value > check.limit {
			return atMost(check.field, check.value, check.limit)
		}
	}
	return nil
}

func atMost(field string, value, limit int) error {
	if value <= limit {
		return nil
	}
	return invalid("The value for %s is too large. You passed %d in the request, but the maximum value is %d.", field, value, limit)
}
