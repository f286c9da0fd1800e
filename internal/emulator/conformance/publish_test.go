package conformance_test

import (
	"fmt"
	"time"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
)

func publishCases() []testCase {
	return []testCase{
		{
			name: "what comes out is what went in", documented: "data, attributes, ordering key, id and time as published",
			source: "publisher", observe: roundTrip,
		},
		{name: "every subscription gets every message", documented: "billing 3, audit 3", source: "pubsub-basics", observe: fanOut},
		{
			name: "messages published before the subscription was made", documented: "not delivered", source: "subscription-overview",
			observe: publishedBefore,
		},
	}
}

func roundTrip(w *world) string {
	w.setUp()
	before := time.Now()
	ids := w.publish(&pubsubpb.PubsubMessage{
		Data: []byte{0, 255, 'x'}, Attributes: map[string]string{"tier": "gold", "empty": ""}, OrderingKey: "customer-7",
	})
	m := w.pullOne().GetMessage()
	age := m.GetPublishTime().AsTime().Sub(before)
	if string(m.GetData()) != "\x00\xffx" || m.GetAttributes()["tier"] != "gold" || len(m.GetAttributes()) != 2 ||
		m.GetOrderingKey() != "customer-7" || m.GetMessageId() != ids[0] || age < -time.Minute || age > time.Minute {
		return fmt.Sprint(m)
	}
	return "data, attributes, ordering key, id and time as published"
}

func fanOut(w *world) string {
	w.setUp()
	billing := w.sub
	w.sub = "projects/" + w.project + "/subscriptions/audit"
	_, err := w.subscribe()
	w.must(err)
	w.publish(numbered(3, "")...)
	audit := len(w.pull(3, patience))
	w.sub = billing
	return fmt.Sprintf("billing %d, audit %d", len(w.pull(3, patience)), audit)
}

func publishedBefore(w *world) string {
	w.setUp()
	w.publish(texts("early")...)
	w.sub += "-late"
	_, err := w.subscribe()
	w.must(err)
	if got := w.pull(1, quiet); len(got) > 0 {
		return "delivered"
	}
	return "not delivered"
}
