// Package fault breaks things on purpose and counts what became of every message. Workers and emulators are real
// processes, effects are recorded outside the worker, and a proxy stands between worker and server. It has tests alone;
// docs/reliability.md says what they prove.
package fault
