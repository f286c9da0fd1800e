// Package emulator is Pub/Sub and Cloud Monitoring in memory, on one port.
//
// Connections that start with the HTTP/2 preface are gRPC: Publisher, Subscriber and MetricService. All others are HTTP/1.1:
// Prometheus metrics, the admin endpoint and REST.
//
//	            ┌─ HTTP/2 ──> gRPC ──────> broker (the truth) <── sampled ── monitoring
//	listener ───┤
//	            └─ HTTP/1.1 > /metrics, /admin/*, REST
package emulator
