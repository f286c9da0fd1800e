// Package monitoring is an in-memory Cloud Monitoring MetricService for the Pub/Sub metrics, fed from an exact [Truth].
//
// It samples the truth on whole multiples of a period and shows each sample after a delay, as the service does, and it can
// be late, gappy or over quota on demand (see [Fault]).
//
// What a reader may rely on:
//   - A GAUGE point is an instant, a DELTA point covers (previous sample, sample]; points come newest first, series in the
//     order of project, resource and labels. A series without a point in the interval is left out.
//   - A read interval is (start, end]. Without a start, or with start equal to end, it is that one instant.
//   - A subscription reports from its first sample on for as long as it exists, 0 included; once deleted it reports nothing.
//     Series by delivery type or response code begin when the truth first names that value.
//   - oldest_unacked_message_age is 0 when nothing waits.
//   - The by-region metrics split the truth evenly over [Options.Regions], the remainder going to the first ones, so that
//     they add up to the total. Every region that holds a message reports the age of the oldest one.
//   - nack_requests counts the nacks since the previous sample. It and expired_ack_deadlines_count carry no delivery_type.
//   - delivery_latency_health_score covers the last ten samples, and only the criteria that the truth can answer:
//     expired_ack_deadlines, nack_requests and seek_requests (true when none happened), and for push subscriptions utilization.
//   - message_sizes distributions hold count and mean, and no buckets.
//   - Aligned windows are counted back from the end of the interval. A window without points has no aligned point: nothing
//     is interpolated.
//
// Memory is bounded by [Options.Window] and [Options.MaxPoints].
package monitoring
