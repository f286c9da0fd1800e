package deliver

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/url"
	"testing"
	"testing/iotest"
	"time"
	"unicode/utf8"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/timestamppb"

	"spillway/internal/backlog"
)

// marshal is encoding/json without its escapes for HTML.
func marshal(t *testing.T, v any) []byte {
	t.Helper()
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		t.Fatal(err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

func FuzzAppendString(f *testing.F) {
	for _, s := range []string{"", "plain", `"\/`, "\x00\x1f\x7f\b\f\n\r\t", "<&>", "zoë €😀", "\xff\xc3", "a\xe2\x80\xa8b\u2029", "\ufffd", "\xed\xa0\x80"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if got, want := appendString([]byte("x"), s), append([]byte("x"), marshal(t, s)...); !bytes.Equal(got, want) {
			t.Errorf("%q: got %s, want %s", s, got, want)
		}
	})
}

// wrapped is the body as encoding/json writes it.
type wrapped struct {
	Message struct {
		Attributes   map[string]string `json:"attributes,omitempty"`
		Data         []byte            `json:"data,omitempty"`
		MessageID    string            `json:"messageId"`
		MessageID2   string            `json:"message_id"`
		PublishTime  string            `json:"publishTime"`
		PublishTime2 string            `json:"publish_time"`
		OrderingKey  string            `json:"orderingKey,omitempty"`
	} `json:"message"`
	Subscription    string `json:"subscription"`
	DeliveryAttempt int    `json:"deliveryAttempt,omitempty"`
}

func TestTheWrapperIsWhatTheLibrariesWrite(t *testing.T) {
	at := time.Date(2026, 11, 27, 8, 30, 1, 0, time.UTC)
	for _, m := range []backlog.Message{
		{ID: "1", PublishTime: at},
		{ID: "2", PublishTime: at.Add(time.Nanosecond), Data: []byte{0xff, 0, 0xfe}, OrderingKey: "k\n"},
		{ID: "3", PublishTime: at.Add(747 * time.Millisecond), Attributes: backlog.Attributes{{Key: "a", Value: "<>&\u2028"}, {Key: "b", Value: ""}}, DeliveryAttempt: 7},
		{ID: "4", PublishTime: at.Add(20 * time.Microsecond), Attributes: backlog.Attributes{{Key: "a\"", Value: "\\"}}, Data: make([]byte, 100_001)},
	} {
		t.Run(m.ID, func(t *testing.T) { expectWrapper(t, &m) })
	}
}

func FuzzWrapper(f *testing.F) {
	f.Add("1", "key", "value", "ordering", []byte("data"), int64(1795309277899001234), 3)
	f.Add("\"", "\\\x00", "\u2028", "", []byte{}, int64(0), 0)
	f.Fuzz(func(t *testing.T, id, key, value, ordering string, data []byte, nanos int64, attempt int) {
		for _, s := range []string{id, key, value, ordering} {
			if !utf8.ValidString(s) {
				t.Skip("no string of protobuf")
			}
		}
		expectWrapper(t, &backlog.Message{
			ID: id, Attributes: backlog.Attributes{{Key: key, Value: value}}, OrderingKey: ordering, Data: data,
			PublishTime: time.Unix(0, nanos), DeliveryAttempt: attempt,
		})
	})
}

// expectWrapper holds the body of a message against encoding/json, byte for byte, and against protobuf's JSON mapping.
func expectWrapper(t *testing.T, m *backlog.Message) {
	t.Helper()
	sub := backlog.Subscription{Project: "shop", ID: "offers"}
	w := newWriter(TargetOptions{URL: &url.URL{Scheme: "http", Host: "127.0.0.1"}, Format: Wrapped, Subscription: sub, EventSource: EventSource(sub)})
	p, _ := w.write(m)
	size := p.size()
	got, err := io.ReadAll(&p)
	if err != nil || int64(len(got)) != size {
		t.Fatalf("%d bytes of %d: %v", len(got), size, err)
	}
	var want wrapped
	want.Message.Attributes, want.Message.Data, want.Message.OrderingKey = m.Attributes.Map(), m.Data, m.OrderingKey
	want.Message.MessageID, want.Message.MessageID2 = m.ID, m.ID
	want.Message.PublishTime = string(appendTime(nil, m.PublishTime))
	want.Message.PublishTime2 = want.Message.PublishTime
	want.Subscription, want.DeliveryAttempt = sub.String(), m.DeliveryAttempt
	if diff := cmp.Diff(string(marshal(t, want)), string(got)); diff != "" {
		t.Error(diff)
	}
	expectProtobuf(t, w, m)
}

// expectProtobuf reads the message of an event, which has each field once, as protobuf's JSON.
func expectProtobuf(t *testing.T, w *writer, m *backlog.Message) {
	t.Helper()
	p := w.wrap(m, false)
	body, err := io.ReadAll(&p)
	if err != nil {
		t.Fatal(err)
	}
	var outer struct{ Message json.RawMessage }
	if err := json.Unmarshal(body, &outer); err != nil {
		t.Fatal(err)
	}
	var got pubsubpb.PubsubMessage
	if err := protojson.Unmarshal(outer.Message, &got); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	stamp, err := protojson.Marshal(timestamppb.New(m.PublishTime))
	if err != nil {
		t.Fatal(err)
	}
	if want := `"` + string(appendTime(nil, m.PublishTime)) + `"`; want != string(stamp) {
		t.Errorf("time %s, protobuf writes %s", want, stamp)
	}
	if got.GetMessageId() != m.ID || !bytes.Equal(got.GetData(), m.Data) || got.GetOrderingKey() != m.OrderingKey ||
		!got.GetPublishTime().AsTime().Equal(m.PublishTime) || cmp.Diff(got.GetAttributes(), m.Attributes.Map()) != "" {
		t.Errorf("got %v of %s", &got, body)
	}
}

func FuzzPayload(f *testing.F) {
	f.Add([]byte("head"), []byte("data"), []byte("tail"), true, 3)
	f.Add([]byte{}, []byte{1}, []byte{}, true, 1)
	f.Add([]byte("h"), []byte("12"), []byte("t"), false, 2)
	f.Fuzz(func(t *testing.T, head, data, tail []byte, encode bool, step int) {
		whole := payload{head: head, data: data, tail: tail, encode: encode}
		want, err := io.ReadAll(&whole)
		if err != nil {
			t.Fatal(err)
		}
		pieces := payload{head: head, data: data, tail: tail, encode: encode}
		if int64(len(want)) != pieces.size() {
			t.Errorf("%d bytes, announced %d", len(want), pieces.size())
		}
		var got []byte
		buf := make([]byte, 1+(step%70+70)%70)
		for err == nil {
			var n int
			n, err = pieces.Read(buf)
			got = append(got, buf[:n]...)
		}
		if !errors.Is(err, io.EOF) || !bytes.Equal(got, want) {
			t.Errorf("in pieces of %d: %q and %v, want %q", len(buf), got, err, want)
		}
	})
}

func TestAPayloadIsAReader(t *testing.T) {
	want := "<aGVsbG8=>"
	if err := iotest.TestReader(&payload{head: []byte("<"), data: []byte("hello"), encode: true, tail: []byte(">")}, []byte(want)); err != nil {
		t.Error(err)
	}
	if err := iotest.TestReader(&payload{data: []byte("hello")}, []byte("hello")); err != nil {
		t.Error(err)
	}
}
