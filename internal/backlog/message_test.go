package backlog_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"spillway/internal/backlog"
)

func TestAttributes(t *testing.T) {
	t.Run("a list says what its map says", func(t *testing.T) {
		m := map[string]string{"tenant": "a", "n": "1", "": "no key", "empty": ""}
		a := backlog.AttributesOf(m)
		if diff := cmp.Diff(m, a.Map()); diff != "" {
			t.Errorf("map of the list (-want +got):\n%s", diff)
		}
		for key, want := range m {
			if got, ok := a.Get(key); !ok || got != want {
				t.Errorf("Get(%q) = %q, %v; want %q", key, got, ok, want)
			}
		}
		if got, ok := a.Get("absent"); ok {
			t.Errorf("Get of an absent key = %q, true", got)
		}
	})
	t.Run("a list of a map is sorted", func(t *testing.T) {
		want := backlog.Attributes{{Key: "a", Value: "2"}, {Key: "b", Value: "1"}}
		if diff := cmp.Diff(want, backlog.AttributesOf(map[string]string{"b": "1", "a": "2"})); diff != "" {
			t.Errorf("list (-want +got):\n%s", diff)
		}
	})
	t.Run("no attributes are nil both ways", func(t *testing.T) {
		if a, m := backlog.AttributesOf(nil), backlog.Attributes(nil).Map(); a != nil || m != nil {
			t.Errorf("list %v, map %v; want nil", a, m)
		}
	})
}

func TestTheServicesOwnAttributesAreReserved(t *testing.T) {
	for key, want := range map[string]bool{
		"googclient_schemaid": true, "googclient_": true, "GoogX": true, "goog": true, "Googclient_traceparent": true, "googclient_traceparent2": true,
		"googclient_traceparent": false, "googclient_tracestate": false, "goo": false, "traceparent": false, "agoog": false, "": false,
	} {
		if got := backlog.Reserved(key); got != want {
			t.Errorf("%q: %t", key, got)
		}
	}
}
