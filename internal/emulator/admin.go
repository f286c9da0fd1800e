package emulator

import (
	"encoding/json"
	"net/http"
	"time"

	"spillway/internal/emulator/broker"
	"spillway/internal/emulator/monitoring"
)

// adminState is the answer of /admin/state.
type adminState struct {
	Time          time.Time           `json:"time"`
	Topics        []adminTopic        `json:"topics"`
	Subscriptions []adminSubscription `json:"subscriptions"`
}

type adminTopic struct {
	Name     string `json:"name"`
	Messages int64  `json:"messages"`
	Bytes    int64  `json:"bytes"`
}

// adminSubscription is a subscription's truth, and what Cloud Monitoring shows of it.
type adminSubscription struct {
	Name             string     `json:"name"`
	Topic            string     `json:"topic"`
	Backlog          int64      `json:"backlog"`
	BacklogBytes     int64      `json:"backlog_bytes"`
	OldestPublished  *time.Time `json:"oldest_published,omitempty"`
	OldestAgeSeconds float64    `json:"oldest_age_seconds"`
	Outstanding      int64      `json:"outstanding"`
	Delivered        int64      `json:"delivered"`
	Acked            int64      `json:"acked"`
	Nacked           int64      `json:"nacked"`
	Expired          int64      `json:"expired"`
	DeadLettered     int64      `json:"dead_lettered"`
	Streams          int        `json:"streams"`
	// Monitoring holds the newest sample that readers see, by metric.
	Monitoring map[string]monitoring.Point `json:"monitoring"`
}

func stateHandler(b *broker.Broker, m *monitoring.Server, now func() time.Time) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		state := b.State()
		at := now()
		out := adminState{Time: at.UTC(), Topics: []adminTopic{}, Subscriptions: []adminSubscription{}}
		for _, t := range state.Topics {
			out.Topics = append(out.Topics, adminTopic{Name: t.Name, Messages: t.Messages, Bytes: t.Bytes})
		}
		for i := range state.Subscriptions {
			out.Subscriptions = append(out.Subscriptions, describe(&state.Subscriptions[i], m, at))
		}
		writeJSON(w, http.StatusOK, out)
	})
}

func describe(s *broker.SubscriptionState, m *monitoring.Server, now time.Time) adminSubscription {
	project, id := broker.SplitName(s.Name)
	d := adminSubscription{
		Name: s.Name, Topic: s.Topic, Backlog: s.Undelivered, BacklogBytes: s.Bytes,
		Outstanding: s.Outstanding[0] + s.Outstanding[1], Delivered: s.Sent[0] + s.Sent[1], Acked: s.Acked[0] + s.Acked[1],
		Nacked: s.Nacks, Expired: s.Expired, DeadLettered: s.DeadLettered, Streams: s.Streams,
		Monitoring: m.Shown(now, project, id),
	}
	if !s.Oldest.IsZero() {
		oldest := s.Oldest.UTC()
		d.OldestPublished, d.OldestAgeSeconds = &oldest, max(0, now.Sub(oldest).Seconds())
	}
	return d
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	_ = encoder.Encode(v)
}

// home answers a start page's request, and tells tools that wait for the port that it serves.
func home(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write([]byte("Ok\n\nPub/Sub and Cloud Monitoring by gRPC on this port.\n/metrics      the truth, for Prometheus\n" +
		"/admin/state  topics, subscriptions, true backlog and what Cloud Monitoring shows, as JSON\n" +
		"/admin/faults  what goes wrong on purpose; POST {\"pubsub\":[\"cut\"],\"monitoring\":[\"gap,for=5m\"]} to change it\n" +
		"/oauth2/v3/certs  the keys that sign the OIDC tokens of push requests\n"))
}
