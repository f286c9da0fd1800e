package kube

import (
	"fmt"

	"github.com/go-logr/logr"
	"go.uber.org/zap"
	"k8s.io/klog/v2"
)

// CaptureLogs has what the Kubernetes libraries log go to log: their news as debug entries, their errors as warnings,
// because whatever matters of them is said again by who called. It is for the start of a program: the libraries have one
// logger for the whole process, and must not be logging while it is set.
func CaptureLogs(log *zap.Logger) {
	klog.SetLogger(logr.New(&sink{log.WithOptions(zap.AddCallerSkip(1))}))
}

// sink is what logr wants of a logger. It is never changed; the methods return changed copies.
type sink struct{ log *zap.Logger }

var _ logr.LogSink = (*sink)(nil)

// Init does nothing.
func (s *sink) Init(logr.RuntimeInfo) {}

// Enabled leaves everything out that the libraries think of as verbose.
func (s *sink) Enabled(level int) bool { return level == 0 && s.log.Core().Enabled(zap.DebugLevel) }

// Info logs news.
func (s *sink) Info(_ int, message string, pairs ...any) {
	s.log.Debug("kubernetes library", append(fields(pairs), zap.String("says", message))...)
}

// Error logs an error.
func (s *sink) Error(err error, message string, pairs ...any) {
	s.log.Warn("kubernetes library", append(fields(pairs), zap.String("says", message), zap.Error(err))...)
}

// WithValues adds pairs to every entry.
func (s *sink) WithValues(pairs ...any) logr.LogSink { return &sink{s.log.With(fields(pairs)...)} }

// WithName adds a name to every entry.
func (s *sink) WithName(name string) logr.LogSink { return &sink{s.log.Named(name)} }

// fields writes pairs of keys and values; a key without a value is left out.
func fields(pairs []any) []zap.Field {
	all := make([]zap.Field, 0, len(pairs)/2+2)
	for i := 0; i+1 < len(pairs); i += 2 {
		all = append(all, zap.String(fmt.Sprint(pairs[i]), fmt.Sprint(pairs[i+1])))
	}
	return all
}
