// Package logging builds the zap logger of every program: JSON with Cloud Logging's keys in a container, a console
// format on a terminal.
package logging

import (
	"io"
	"os"

	"github.com/spf13/pflag"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"spillway/internal/config"
)

// Options says how to log.
type Options struct {
	// Level is debug, info, warn or error.
	Level string
	// Format is json, console, or auto: console on a terminal, json anywhere else.
	Format string
}

// DefaultOptions returns info level in the automatic format.
func DefaultOptions() Options { return Options{Level: "info", Format: "auto"} }

// RegisterFlags binds the options to --log-level and --log-format.
func (o *Options) RegisterFlags(fs *pflag.FlagSet) {
	fs.StringVar(&o.Level, "log-level", o.Level, "least severe level that is logged: debug, info, warn or error")
	fs.StringVar(&o.Format, "log-format", o.Format, "json (Cloud Logging's keys), console, or auto: console on a terminal, json elsewhere")
}

// Validate adds every fault to errs.
func (o *Options) Validate(errs *config.Errors) {
	if level, err := zapcore.ParseLevel(o.Level); err != nil || o.Level == "" || level > zapcore.ErrorLevel {
		errs.Add("--log-level", o.Level, "is not a level", "use debug, info, warn or error")
	}
	switch o.Format {
	case "auto", "json", "console":
	default:
		errs.Add("--log-format", o.Format, "is not a format", "use auto, json or console")
	}
}

// New returns a logger that writes to out. The options must be valid.
func New(o Options, out *os.File) *zap.Logger {
	format := o.Format
	if format == "auto" {
		format = "json"
		if info, err := out.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
			format = "console"
		}
	}
	level, err := zapcore.ParseLevel(o.Level)
	if err != nil {
		level = zapcore.InfoLevel
	}
	return build(format, level, out)
}

func build(format string, level zapcore.Level, out io.Writer) *zap.Logger {
	encoder := zapcore.NewJSONEncoder(cloudKeys())
	if format == "console" {
		human := zap.NewDevelopmentEncoderConfig()
		human.EncodeTime = zapcore.TimeEncoderOfLayout("15:04:05.000")
		human.EncodeDuration = zapcore.StringDurationEncoder
		encoder = zapcore.NewConsoleEncoder(human)
	}
	return zap.New(zapcore.NewCore(encoder, zapcore.Lock(zapcore.AddSync(out)), level))
}

// cloudKeys names the fields as Cloud Logging reads them from a container's output:
// https://cloud.google.com/logging/docs/structured-logging#special-payload-fields.
func cloudKeys() zapcore.EncoderConfig {
	return zapcore.EncoderConfig{
		MessageKey: "message", LevelKey: "severity", TimeKey: "time", NameKey: "logger", StacktraceKey: "stack_trace",
		EncodeLevel: severity, EncodeTime: zapcore.RFC3339NanoTimeEncoder,
		EncodeDuration: zapcore.StringDurationEncoder, EncodeName: zapcore.FullNameEncoder,
	}
}

// severity writes a level as Cloud Logging's LogSeverity, whose words differ from zap's for warnings and worse.
func severity(l zapcore.Level, enc zapcore.PrimitiveArrayEncoder) {
	switch {
	case l <= zapcore.DebugLevel:
		enc.AppendString("DEBUG")
	case l == zapcore.InfoLevel:
		enc.AppendString("INFO")
	case l == zapcore.WarnLevel:
		enc.AppendString("WARNING")
	case l == zapcore.ErrorLevel:
		enc.AppendString("ERROR")
	default:
		enc.AppendString("CRITICAL")
	}
}
