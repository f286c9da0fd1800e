package externalmetrics

import (
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"spillway/internal/ask"
	"spillway/internal/backlog"
)

// TestDesiredReplicasByAutoscaler: who has settings of its own is answered by these, everybody else by the common value.
func TestDesiredReplicasByAutoscaler(t *testing.T) {
	own := func(namespace, name string, value float64) backlog.Series {
		one := backlog.Series{Labels: []backlog.Label{{Name: "horizontalpodautoscaler", Value: name}, {Name: "namespace", Value: namespace}}, Reading: level(value, time.Second)}
		if value < 0 {
			one.Reading = backlog.Reading{}
		}
		return one
	}
	answer := backlog.Answer{Total: level(4.25, time.Second)}
	tests := []struct {
		name, selector string
		variants       []backlog.Series
		want           string // the quantity, or else
		is             func(error) bool
		says           string
	}{
		{"nobody has settings", "", nil, "4250m", nil, ""},
		{"the namespace's one has", "", []backlog.Series{own("web", "a", 7)}, "7", nil, ""},
		{"somebody elsewhere has", "", []backlog.Series{own("batch", "a", 7)}, "4250m", nil, ""},
		{"two have", "", []backlog.Series{own("web", "a", 7), own("web", "b", 8)}, "", apierrors.IsBadRequest, "each of the autoscalers web/a, web/b; add the label horizontalpodautoscaler"},
		{"two have and one is named", ",horizontalpodautoscaler=b", []backlog.Series{own("web", "a", 7), own("web", "b", 8)}, "8", nil, ""},
		{"one elsewhere is named", ",horizontalpodautoscaler=a,namespace=batch", []backlog.Series{own("web", "a", 7), own("batch", "a", 8)}, "8", nil, ""},
		{"the common value is named", ",!horizontalpodautoscaler", []backlog.Series{own("web", "a", 7)}, "4250m", nil, ""},
		{"one is named that has none", ",horizontalpodautoscaler=c", []backlog.Series{own("web", "a", 7)}, "", apierrors.IsNotFound, "no autoscaler that the selector names"},
		{"by its settings it is not known", "", []backlog.Series{own("web", "a", -1)}, "", apierrors.IsServiceUnavailable, "not by those of the autoscaler"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := source()
			s.Book = ask.NewBook(backlog.Answerable())
			one := answer
			one.Variants = tt.variants
			s.Board = shelf{offers: {backlog.DesiredReplicas: one}}
			items, err := get(t, s, "pubsub_subscription_desired_replicas", "subscription_id=offers"+tt.selector)
			if tt.is != nil {
				if !tt.is(err) || !strings.Contains(err.Error(), tt.says) {
					t.Fatalf("%v, %v", items, err)
				}
				return
			}
			if err != nil || len(items) != 1 || items[0].Value.String() != tt.want || !items[0].Timestamp.Time.Equal(start.Add(-time.Second)) {
				t.Fatalf("%v, %v", items, err)
			}
		})
	}
}
